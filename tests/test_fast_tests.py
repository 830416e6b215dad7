"""The fast tests, those without the marker `slow`, are most of all tests, and some are in every folder."""

from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent


def faults_of(tests):
    """What is wrong with the choice of the fast tests; `tests` are (file, whether it is marked slow)."""
    fast = [path for path, slow in tests if not slow]
    untouched = {path.parent for path, _ in tests} - {path.parent for path in fast}
    faults = [f"{folder.name}/ has no fast test" for folder in sorted(untouched)]
    return faults + [f"only {len(fast)} of {len(tests)} tests are fast"] * (3 * len(fast) < 2 * len(tests))


def test_most_tests_are_fast_and_some_of_every_folder(request):
    tests = [(item.path, item.get_closest_marker("slow") is not None) for item in request.session.items]
    if {path.parent for path, _ in tests} != {path.parent for path in TESTS.rglob("test_*.py")}:
        pytest.skip("looks at the whole suite, and only a part of it was collected")
    assert faults_of(tests) == []


@pytest.mark.parametrize(
    ("slow", "faults"),
    [
        ({}, []),
        ({"a/1", "a/2"}, []),
        ({"b/1"}, ["b/ has no fast test"]),
        ({"a/1", "a/2", "a/3"}, ["only 3 of 6 tests are fast"]),
    ],
)
def test_a_bad_choice_is_seen(slow, faults):
    names = ["a/1", "a/2", "a/3", "a/4", "a/5", "b/1"]
    assert faults_of([(Path(name), name in slow) for name in names]) == faults
