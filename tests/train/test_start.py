"""What a training decodes before its first step, through the real command line."""

import multiprocessing

import pytest
import torch

import datasets.sample_memory
import train
from engine.runs.checkpoint_file import save_checkpoint
from engine.training import Training
from images import reading

WORDS = ("train.epochs=2", "train.workers=0")


@pytest.fixture
def decoded(monkeypatch):
    """The files that are decoded; "step" stands between those before the first step of a start and those after it."""
    names, decode, step = [], reading._decode, Training.step

    def counted(data, name, *arguments, **keywords):
        names.append(name)
        return decode(data, name, *arguments, **keywords)

    def marked(self, *arguments, **keywords):
        names.append("step")
        return step(self, *arguments, **keywords)

    monkeypatch.setattr(reading, "_decode", counted)
    monkeypatch.setattr(Training, "step", marked)
    return names


def before_the_first_step(names):
    return names[: names.index("step")]


def logs(tmp_path, name):
    return (tmp_path / "outputs" / name / "log.csv").read_bytes()


def test_a_start_decodes_each_file_once_and_a_resume_none_before_its_first_batch(
    small_config, small_set, run_main, decoded, tmp_path
):
    words = ("--config", small_config, *WORDS, "data.truth=masks")  # so that no file is looked at to recognise it
    assert run_main(train, *words, "name=whole")[0] == 0
    files = sorted(str(path) for path in small_set.rglob("*.png"))
    assert sorted(before_the_first_step(decoded)) == files
    assert sorted(name for name in decoded if name != "step") == files

    assert run_main(train, *words, "name=cut", "train.epochs=1")[0] == 0
    decoded.clear()
    code, out, _ = run_main(train, *words, "name=cut", "--resume")
    assert (code, "10 images, read as RGB, 32×32 pixels; foreground: nucleus" in out) == (0, True)
    assert len(before_the_first_step(decoded)) == 8  # the four images of the first batch, and their masks
    assert sorted(name for name in decoded if name != "step") == files
    assert logs(tmp_path, "cut") == logs(tmp_path, "whole")


def test_an_older_checkpoint_is_resumed_by_reading_all(small_config, run_main, decoded, tmp_path):
    words = ("--config", small_config, *WORDS)
    assert run_main(train, *words, "name=whole")[0] == 0
    assert run_main(train, *words, "name=old", "train.epochs=1")[0] == 0
    last = tmp_path / "outputs" / "old" / "last.pth"
    state = torch.load(last, weights_only=True)
    del state["samples"]
    save_checkpoint(last, state)
    decoded.clear()
    assert run_main(train, *words, "name=old", "--resume")[0] == 0
    assert len(before_the_first_step(decoded)) == 30  # and the masks once more, to recognise them
    assert logs(tmp_path, "old") == logs(tmp_path, "whole")
    assert torch.load(last, weights_only=True).keys() == state.keys() | {"samples"}


@pytest.mark.parametrize("changes", [(), ("data.size=null", "data.crop=16", "data.crops_per_image=2")])
def test_neither_memory_nor_files_nor_workers_change_a_number(small_config, run_main, monkeypatch, tmp_path, changes):
    words = ("--config", small_config, "train.epochs=2", *changes)
    assert run_main(train, *words, "name=whole")[0] == 0
    forks = multiprocessing.get_context().get_start_method() == "fork"
    monkeypatch.setattr(datasets.sample_memory, "free_share", lambda share: 5 * 32 * 32 * 4)
    for number, more in enumerate(
        [("train.workers=0",), ("train.workers=2",), ("data.cache=null",), ("data.cache=kept",)][: 4 if forks else 1]
    ):
        name = f"small_{number}"
        assert run_main(train, *words, *more, f"name={name}", "train.epochs=1")[0] == 0
        code, out, err = run_main(train, *words, f"name={name}", "--resume")  # with another data.cache, too
        assert code == 0, err
        assert "do not fit into memory and are kept in" in out
        assert logs(tmp_path, name) == logs(tmp_path, "whole")
    assert (tmp_path / "inputs" / "small" / ".cache").is_dir()
    assert (tmp_path / "kept").is_dir() == forks


def test_nothing_is_written_if_all_samples_fit(small_config, run_main, tmp_path):
    assert run_main(train, "--config", small_config)[0] == 0
    assert sorted(path.name for path in (tmp_path / "inputs" / "small").iterdir()) == ["images", "masks"]
