"""The tester of the tests: which faults it plants, and whether it tells noticed ones from others."""

import ast

import pytest

pytest.importorskip("cosmic_ray", reason="pip install -r requirements-dev.txt")

from benchmarks.mutants import trial
from benchmarks.mutants.faults import FOLDERS, changes, choose, fault, quotas
from benchmarks.mutants.trial import run_tests

SOURCE = '''"""A module."""


def area(height: int | None, *, width: int) -> int | None:
    for _, _ in zip(height, width, strict=True):
        if height < 3:
            return height * width + 1
    return None
'''


def test_every_kind_of_place_has_changes():
    found = changes(SOURCE)
    assert {change.place[0] for change in found} == {5, 6, 7}  # nothing of line 4, and no `strict=True`
    after = {fault("a.py", SOURCE, change).after for change in found if change.place[0] == 7}
    assert after == {
        "return height / width + 1",
        "return height * width - 1",
        "return height * width + 2",
        "return height * width + 0",
    }
    for change in found:
        made = fault("a.py", SOURCE, change)
        assert ast.dump(ast.parse(made.text)) != ast.dump(ast.parse(SOURCE))
        assert made.before == SOURCE.split("\n")[made.line - 1].strip()


def test_changes_that_python_cannot_read_are_left_out():
    source = "def f(a):\n    if b := a:\n        return 3\n"
    made = [fault("a.py", source, change) for change in changes(source)]
    assert None in made
    assert {one.after for one in made if one is not None} == {"return 2", "return 4"}


def test_every_file_gets_its_share():
    assert quotas([100, 50, 10, 1, 0], count=16, at_least=2) == [10, 5, 2, 1, 0]


def test_the_choice_depends_on_the_seed_and_not_on_other_lines(tmp_path):
    for folder in FOLDERS:
        (tmp_path / folder).mkdir()
    path = tmp_path / "losses" / "area.py"
    path.write_text(SOURCE)
    chosen = choose(tmp_path, count=4, seed=1)
    assert len(chosen) == 4
    assert choose(tmp_path, count=4, seed=1) == chosen
    assert any(choose(tmp_path, count=4, seed=seed) != chosen for seed in range(2, 9))
    path.write_text(SOURCE.replace('"""A module."""', '"""A module."""\n\nimport os'))
    assert [one[2:4] for one in choose(tmp_path, count=4, seed=1)] == [one[2:4] for one in chosen]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fault_is_noticed_by_a_test_that_looks(tmp_path):
    """With 2 and 2, a test cannot tell a power from a product; with 2 and 3 it can."""
    path, log = tmp_path / "fields" / "area.py", tmp_path / "log.txt"
    test = tmp_path / "tests" / "fields" / "test_area.py"
    for folder in (path.parent, test.parent):
        folder.mkdir(parents=True)
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = .\nmarkers = slow\n")
    path.write_text("def area(height, width):\n    return height * width\n")
    test.write_text("from fields.area import area\n\n\ndef test_area():\n    assert area(2, 2) == 4\n")
    tests = trial.tests_of(tmp_path, "fields/area.py")
    assert tests == ["tests/fields/test_area.py", "tests/fields"]
    run = lambda: run_tests(tmp_path, tests, seconds=60, log=log)
    assert run() == 0
    path.write_text(path.read_text().replace("*", "**"))
    assert run() == 0
    test.write_text(test.read_text().replace("(2, 2) == 4", "(2, width=3) == 6"))
    assert run() == 1
    assert "assert 8 == 6" in log.read_text()
    path.write_text("def area(height, width):\n    while True:\n        pass\n")
    assert run_tests(tmp_path, tests, seconds=1, log=log) is None
