"""The error of a training that lists the problems of a folder."""

from pathlib import Path

from datasets.folder.problems import refusal
from system.errors import FileError

ROOT = Path("set")


def errors(count, found="2 channels", *, first="a"):
    return [FileError(f"{first}{number:02}", found=found, fix="choose one") for number in range(count)]


def test_a_reason_of_many_files_is_written_once():
    told = str(refusal(ROOT, errors(12))).splitlines()
    assert told == [
        "set: 12 problems; python -m datasets.check lists them all",
        "  12 files: 2 channels; choose one: a00, a01, a02, a03, a04, a05, a06, a07, a08, a09, …",
    ]


def test_few_files_of_one_reason_are_all_named():
    told = str(refusal(ROOT, errors(3))).splitlines()
    assert told[1:] == [f"  a0{number}: 2 channels; choose one" for number in range(3)]


def test_what_is_left_out_is_counted_in_files():
    alone = [error for number in range(10) for error in errors(1, f"fault {number}", first=f"a{number}")]
    told = str(refusal(ROOT, [*alone, *errors(5, first="b"), *errors(1, "other", first="z")])).splitlines()
    assert told[0].startswith("set: 16 problems")
    assert len(told) == 12
    assert told[1] == "  5 files: 2 channels; choose one: b00, b01, b02, b03, b04"
    assert told[-1] == "  … and 2 more"


def test_a_single_problem_is_the_error_itself():
    (one,) = errors(1)
    assert refusal(ROOT, [one]) is one
