"""val.py scores the parts that the run was trained with, or nothing."""

import random

import cv2
import numpy as np
import pytest

import train
import val
from datasets.split import read_split, split_to_csv
from system.errors import DataError, FileError

SPLIT = {f"image {number}, cut": "val" if number % 4 == 0 else "train" for number in range(20)}


@pytest.fixture
def run(run_main, small_config, tmp_path):
    assert run_main(train, "--config", small_config)[0] == 0
    assert run_main(val, "--run", tmp_path / "outputs" / "small")[0] == 0  # the control
    return tmp_path / "outputs" / "small"


def exchanged(text):
    """Every image of the validation part trains, and the other way round."""
    return text.replace(",val", ",x").replace(",train", ",val").replace(",x", ",train")


EDITS = {
    "exchanged": exchanged,
    "one image moved": lambda text: text.replace(",train", ",val", 1),
    "one image left out": lambda text: "\n".join(line for line in text.splitlines() if "cell_03" not in line) + "\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("part", ["val", "all"])
def test_another_split_is_refused(run_main, run, edit, part):
    whole = (run / "split.csv").read_text()
    (run / "split.csv").write_text(EDITS[edit](whole))
    before = sorted(path.name for path in run.iterdir())
    code, _, err = run_main(val, "--run", run, "--split", part)
    assert code == 3
    assert "split.csv: not the split that the run was trained with; restore" in err
    assert sorted(path.name for path in run.iterdir()) == before
    code, _, _ = run_main(train, "--config", run / "config.yaml", "--resume")  # the remedy that the message names
    assert (code, (run / "split.csv").read_text()) == (0, whole)
    assert run_main(val, "--run", run, "--split", part)[0] == 0


@pytest.mark.slow
def test_corrected_masks_can_be_scored(run_main, run, small_set):
    for path in (small_set / "masks" / "nucleus").iterdir():
        cv2.imwrite(str(path), np.zeros((32, 32), np.uint8))
    code, out, err = run_main(val, "--run", run)
    assert (code, "IoU 0.0000" in out) == (0, True), err


@pytest.mark.parametrize(
    "text",
    [
        'id,split\n"image 0, cut,val\nb,train\n',
        'id,split\na,"val\n' + "b,train\n" * 20_000,
        'id,split\na,"val"x\nb,train\n',
    ],
)
def test_a_quote_too_many_is_an_error_of_the_file(tmp_path, text):
    path = tmp_path / "split.csv"
    path.write_text(text)
    with pytest.raises(FileError, match=r"split\.csv: cannot be read as a split file \(.*; "):
        read_split(path, ["image 0, cut", "a", "b"])


def test_damaged_splits_are_read_or_refused(tmp_path, trials, tell):
    path, text, count = tmp_path / "split.csv", split_to_csv(SPLIT).encode(), trials(300, 10_000)
    read = unnamed = 0
    for seed in range(count):
        chance, damaged = random.Random(seed), bytearray(text)
        for _ in range(chance.choice((1, 2, 5))):
            place = chance.randrange(len(damaged))
            damaged[place : place + chance.choice((0, 1, 1, 20))] = chance.choice(
                (b'"', b",", b"\n", b"\0", b"\xff", b"")
            )
        path.write_bytes(damaged)
        try:
            read_split(path, list(SPLIT))
            read += 1
        except DataError as error:
            unnamed += not str(error).startswith(str(path))
    assert unnamed == 0
    assert 0 < read < count / 2
    tell("damaged split.csv", count, f"{count - read} refused, {read} read: other parts, which val.py refuses")
