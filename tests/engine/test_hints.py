"""The hint at a collapsed validation: histories made by hand, and those that must give no hint."""

import numpy as np
import pytest

import train
from engine import hints
from engine.hints import has_collapsed, hint, print_hint
from engine.history import History

HEALTHY = [0.3, 0.6, 0.75, 0.8, 0.82]
FALLEN = [0.5, 0.4, 0.3, 0.3, 0.2]


def rows_of(val_iou, *, iou=None, loss=None):
    """The iou of the training stays at 0.85 unless it is given; the loss falls with every epoch."""
    count = len(val_iou)
    iou = np.full(count, 0.85) if iou is None else iou
    loss = np.linspace(1.0, 0.2, count) if loss is None else loss
    rows = zip(val_iou, iou, loss, strict=True)
    return [{"epoch": n, "val_iou": float(v), "iou": float(i), "loss": float(e)} for n, (v, i, e) in enumerate(rows, 1)]


def epochs_with_a_hint(rows):
    return [count for count in range(len(rows) + 1) if hint(rows[:count])]


def test_a_collapse_is_told_once_and_names_the_epochs():
    rows = rows_of([*HEALTHY, *FALLEN, 0.2, 0.2, 0.1])
    assert epochs_with_a_hint(rows) == [10]
    assert has_collapsed(rows)  # and yet no second hint
    text = hint(rows[:10])
    for part in ("val_iou was 0.82 in epoch 5", "now 0.20", "iou is 0.85", "batch norm", "threshold", "best.pth"):
        assert part in text
    assert "\n" not in text


def test_a_second_collapse_is_not_told():
    rows = rows_of([*HEALTHY, *FALLEN, *HEALTHY, *FALLEN])
    assert epochs_with_a_hint(rows) == [10]
    assert not has_collapsed(rows[:15])
    assert has_collapsed(rows)


EDGE = 0.82 * 2 / 3


@pytest.mark.parametrize(
    ("val_iou", "more"),
    [
        ([], {}),
        ([0.9], {}),
        (FALLEN, {}),  # there is nothing that they have fallen from
        ([0.9, *FALLEN[:4]], {}),  # early: too few epochs
        ([*HEALTHY, *FALLEN[:4]], {}),  # four epochs, as many as early stopping with a patience of 4 leaves
        ([*HEALTHY, *FALLEN[:4], 0.8, *FALLEN[:4], 0.7], {}),  # it recovers each time
        ([*HEALTHY, *[EDGE + 1e-6] * 5], {}),
        ([*HEALTHY, 0.81, 0.8, 0.79, 0.78, 0.77, 0.76], {}),  # it learns its images by heart: a slow fall
        ([0, 0, 0, 0.1, 0.2, 0.1, 0, 0.1, 0.3, 0.4], {}),  # the first epochs find nothing
        ([*HEALTHY, *FALLEN], {"loss": np.linspace(0.2, 1.0, 10)}),  # the training itself gets worse
        ([*HEALTHY, *FALLEN], {"loss": [1, 0.8, 0.6, 0.5, 0.4, 0.3, 0.3, 0.5, 0.3, 0.3]}),  # so does one epoch of it
        ([*HEALTHY, *FALLEN], {"iou": [0.3, 0.6, 0.7, 0.8, 0.8, 0.5, 0.4, 0.3, 0.3, 0.2]}),  # training falls, too
    ],
)
def test_what_is_no_collapse(val_iou, more):
    assert epochs_with_a_hint(rows_of(val_iou, **more)) == []


def test_just_below_the_limits_is_a_collapse():
    """The control of the rows above that lie just beside the limits."""
    assert epochs_with_a_hint(rows_of([*HEALTHY, *[EDGE - 1e-6] * 5])) == [10]
    assert epochs_with_a_hint(rows_of([0.9, *FALLEN])) == [6]


@pytest.mark.parametrize("seed", range(20))
def test_noise_of_a_small_validation_part_is_no_collapse(seed):
    """The score rises to 0.8, and each epoch loses a share of it at random, more than a third in one epoch of four."""
    rng = np.random.default_rng(seed)
    rising = 0.8 * (1 - np.exp(-np.arange(1, 41) / 5))
    lost = np.where(rng.random(40) < 0.25, rng.uniform(0.34, 0.9, 40), rng.uniform(0, 0.2, 40))
    assert epochs_with_a_hint(rows_of(rising * (1 - lost), iou=rising + 0.05)) == []


def test_the_rows_are_not_changed(capsys):
    rows = rows_of([*HEALTHY, *FALLEN])
    before = [dict(row) for row in rows]
    print_hint(rows)
    assert capsys.readouterr().out.startswith("hint    val_iou was")
    print_hint(rows[:9])
    assert capsys.readouterr().out == ""
    assert rows == before


@pytest.mark.slow
def test_a_training_tells_it_once_over_a_resume_and_writes_the_same_bytes(
    run_main, small_config, tmp_path, monkeypatch
):
    """The columns of a training are replaced by those of a collapse; everything else is what train.py does."""
    monkeypatch.setattr(hints, "EPOCHS", 2)
    planned = rows_of([0.8, 0.2, 0.2, 0.2])
    add = History.add

    def planned_add(self, *arguments):
        add(self, *arguments)
        self.rows[-1] |= planned[len(self.rows) - 1]

    monkeypatch.setattr(History, "add", planned_add)
    words = ["--config", small_config, "optimizer.lr=1e-4", "scheduler={name: constant}"]
    found = {}
    for name, stops in (("whole", [4]), ("in_two", [3, 4]), ("in_three", [2, 3, 4])):
        printed = []
        for epochs in stops:
            code, out, err = run_main(train, *words, f"name={name}", f"train.epochs={epochs}", "--resume")
            assert (code, err) == (0, "")
            printed += [line for line in out.splitlines() if line.startswith(("hint ", "epoch "))]
        assert [line.split()[0] for line in printed] == ["epoch", "epoch", "epoch", "hint", "epoch"]
        found[name] = (tmp_path / "outputs" / name / "log.csv").read_bytes()
    assert found["whole"] == found["in_two"] == found["in_three"]
    with monkeypatch.context() as without:
        without.setattr("engine.runs.checkpoints.print_hint", lambda rows: None)
        code, out, _ = run_main(train, *words, "name=without", "train.epochs=4")
    assert (code, "hint" in out) == (0, False)
    assert (tmp_path / "outputs" / "without" / "log.csv").read_bytes() == found["whole"]
