"""Every statement of the project can be reached."""

import ast
import itertools
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
OUTSIDE = {"inputs", "outputs", "shared", "venv", "build"}


def unreachable(source):
    """Yields the lines of Python source at which a statement follows the end of its block."""
    for node in ast.walk(ast.parse(source)):
        for block in (value for _, value in ast.iter_fields(node) if isinstance(value, list)):
            for before, after in itertools.pairwise(block):
                if isinstance(before, ENDS):
                    yield after.lineno


def sources():
    """Returns the Python files of the project."""
    folders = [one for one in ROOT.iterdir() if one.is_dir() and one.name not in OUTSIDE and one.name[0] != "."]
    return sorted(path for paths in (ROOT.glob("*.py"), *(one.rglob("*.py") for one in folders)) for path in paths)


@pytest.mark.slow
def test_no_statement_follows_the_end_of_its_block():
    files = sources()
    assert len(files) >= 400
    found = {path.relative_to(ROOT): list(unreachable(path.read_text(encoding="utf-8"))) for path in files}
    assert [f"{path}:{line}" for path, lines in found.items() for line in lines] == []


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    return 1\n    g()",
        "try:\n    pass\nexcept OSError:\n    raise\n    g()",
        "for i in x:\n    if i:\n        continue\n        g()",
        "while True:\n    pass\nelse:\n    for i in x:\n        break\n        g()",
        "match x:\n    case 1:\n        raise ValueError\n        g()",
    ],
)
def test_an_unreachable_statement_is_seen(source):
    assert list(unreachable(source)) == [source.count("\n") + 1]


def test_a_statement_after_a_block_that_ends_is_reachable():
    assert list(unreachable("def f():\n    if x:\n        return 1\n    g()\n\n\nf()")) == []
