"""Processes that share a folder out agree on who does what, and the last one knows all failures."""

from pathlib import Path

import numpy as np
import pytest

from engine.distributed import ALONE, Ranks
from images.image_reader import ImageFile
from inference.files.outputs import PredictionFolder
from inference.pipeline.shares import Share, own_cores, share_of
from inference.prediction import Prediction
from tasks.binary import Binary

IMAGES = sorted(ImageFile(f"A{number % 3}/{number:03d}", Path(f"{number:03d}.png")) for number in range(103))


@pytest.fixture(autouse=True)
def no_torchrun(monkeypatch):
    for name in ("TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(tmp_path):
    return PredictionFolder(tmp_path / "out", Binary(("nucleus",)), cells=False)


def finish(folder, *images):
    for image in images:
        folder.write(image.id, np.zeros((4, 4, 3), np.uint8), Prediction(np.zeros((1, 4, 4), bool), None))


@pytest.mark.parametrize("count", [1, 2, 3, 8, 200])
def test_every_image_belongs_to_one_process(count):
    shares = [share_of(IMAGES, Ranks(rank, count)) for rank in range(count)]
    assert sorted(image for share in shares for image in share) == IMAGES
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert all(share == sorted(share) for share in shares)


def test_shares_do_not_depend_on_what_is_done(folder):
    """A process that starts late sees results of the others. Both must go on with their own images all the same."""
    early, before = Share(IMAGES, folder, Ranks(0, 2)), Share(IMAGES, folder, Ranks(1, 2))
    finish(folder, *early.images[:7], before.images[0])
    late = Share(IMAGES, folder, Ranks(1, 2))
    assert late.images == before.images
    assert late.missing == before.images[1:]


def test_a_share_says_how_much_of_it_is_done(folder):
    finish(folder, *IMAGES[:3])
    assert str(Share(IMAGES[:7], folder, ALONE)) == "7, of which 3 are done already"
    finish(folder, *IMAGES)
    assert str(Share(IMAGES, folder, Ranks(0, 2))) == (
        "52 of 103 for the first of 2 processes, of which 52 are done already"
    )


def test_the_next_command_shares_out_anew_what_a_lost_process_left(monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "first")
    lost = set(share_of(IMAGES, Ranks(1, 2)))
    assert lost == set(share_of(IMAGES, Ranks(1, 2)))
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "second")
    again = [len(lost & set(share_of(IMAGES, Ranks(rank, 2)))) for rank in (0, 1)]
    assert min(again) > len(lost) / 4


def test_the_last_process_reports_all_failures(folder):
    shares = [Share(IMAGES[:4], folder, Ranks(rank, 2)) for rank in (0, 1)]
    (bad, good), (other_good, other_bad) = (share.images for share in shares)
    finish(folder, good)
    assert shares[0].failures_of_all({bad: "bad is broken"}) is None  # the other one has not done anything yet
    finish(folder, other_good)
    assert shares[1].failures_of_all({other_bad: "other is torn"}) == {bad: "bad is broken", other_bad: "other is torn"}
    assert not list((folder.path / "failed").rglob("*.txt"))


def test_two_processes_that_end_at_once_report_failures_once(folder, monkeypatch):
    """The other process takes all notes after this one has looked whether they are there, and before it reads them."""
    shares = [Share(IMAGES[:2], folder, Ranks(rank, 2)) for rank in (0, 1)]
    failures = [{share.images[0]: "broken"} for share in shares]
    assert shares[0].failures_of_all(failures[0]) is None
    read_text, reported = Path.read_text, []

    def read_late(path, **how):
        if not reported:
            reported.append(None)
            reported[0] = shares[0].failures_of_all(failures[0])
        return read_text(path, **how)

    monkeypatch.setattr(Path, "read_text", read_late)
    assert shares[1].failures_of_all(failures[1]) is None
    assert reported == [failures[0] | failures[1]]


def test_without_failures_the_last_one_says_so(folder):
    shares = [Share(IMAGES[:4], folder, Ranks(rank, 2)) for rank in (0, 1)]
    finish(folder, *shares[0].images)
    assert shares[0].failures_of_all({}) is None
    finish(folder, *shares[1].images)
    assert shares[1].failures_of_all({}) == {}
    assert not (folder.path / "failed").exists()


def test_an_image_that_still_lacks_a_file_of_another_tool_is_not_finished(folder):
    exported = set()
    finished = lambda name: folder.is_done(name) and name in exported
    shares = [Share(IMAGES[:4], folder, Ranks(rank, 2), is_finished=finished) for rank in (0, 1)]
    for share in shares:
        finish(folder, *share.images)
    exported |= {image.id for image in shares[0].images}
    assert shares[0].failures_of_all({}) is None  # the other one predicted its images, and still exports
    (bad, good) = shares[1].images
    exported.add(good.id)
    assert shares[1].failures_of_all({bad: "bad is torn"}) == {bad: "bad is torn"}


def test_a_note_of_an_earlier_command_does_not_count(folder):
    share, other = (Share(IMAGES[:2], folder, Ranks(rank, 2)) for rank in (0, 1))
    assert share.failures_of_all({share.images[0]: "broken"}) is None
    again = Share(IMAGES[:2], folder, Ranks(0, 2))  # the file was repaired since
    finish(folder, *again.images)
    finish(folder, *other.images)
    assert again.failures_of_all({}) == {}


def test_a_single_process_writes_no_notes(folder):
    share = Share(IMAGES[:3], folder, ALONE)
    assert share.failures_of_all({IMAGES[1]: "broken"}) == {IMAGES[1]: "broken"}
    assert not folder.path.exists()


def test_the_cores_are_divided_among_the_processes_of_a_machine(monkeypatch):
    monkeypatch.setattr("inference.pipeline.shares.usable_cores", lambda: 8)
    assert own_cores(ALONE) == 8
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    assert own_cores(Ranks(1, 6, 1)) == 2
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "16")
    assert own_cores(Ranks(1, 16, 1)) == 1
