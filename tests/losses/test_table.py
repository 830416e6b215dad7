"""The table of losses: whom it names, what importing it loads, and that nothing in it is misspelt."""

import subprocess
import sys
from pathlib import Path

import pytest

import losses
from losses import COMPOSED, LOSSES, keywords_of
from losses.table import COMMON_RANGES, PYTHON_ONLY_KEYWORDS, PYTHON_ONLY_VALUES

ROOT = Path(__file__).resolve().parents[2]


def loaded_by(code):
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint('torch' in sys.modules, 'losses.table' in sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "loads_torch"),
    [
        ("import losses; losses.keywords_of('DiceLoss')", False),
        ("import engine.schema.config_file", False),
        ("from losses import build_loss, LOSSES", False),
        ("from losses import DiceLoss", True),
        ("import losses; losses.build_loss('DiceLoss')", True),
    ],
)
def test_only_a_class_loads_torch(code, loads_torch):
    assert loaded_by(code) == [str(loads_torch), "True"]


def test_every_name_is_a_class_of_its_module():
    for name, module in [*((name, entry.module) for name, entry in LOSSES.items()), *COMPOSED.items()]:
        loss = getattr(losses, name)
        assert (loss.__name__, loss.__module__) == (name, module)
        assert name in losses.__all__


def test_a_name_that_there_is_not():
    with pytest.raises(AttributeError, match="module 'losses' has no attribute 'DiceLos'"):
        _ = losses.DiceLos
    with pytest.raises(ImportError, match="DiceLos"):
        from losses import DiceLos  # noqa: F401


def test_every_keyword_that_the_table_names_is_one():
    """A misspelt keyword would leave the real one without its range."""
    keywords = {name: keywords_of(name) for name in LOSSES}
    for name, entry in LOSSES.items():
        assert {*entry.ranges, *entry.only_masks} <= set(keywords[name])
        assert not set(entry.ranges) & set(COMMON_RANGES)
        assert entry.fits
    everywhere = set().union(*keywords.values())
    assert {*COMMON_RANGES, *PYTHON_ONLY_KEYWORDS, *PYTHON_ONLY_VALUES} <= everywhere


def test_every_number_has_a_range():
    """`ignore_index` may be any whole number; the others of a loss are checked."""
    for name, entry in LOSSES.items():
        for keyword, (annotation, _) in keywords_of(name).items():
            takes_numbers = any(word in str(annotation) for word in ("float", "int"))
            assert (entry.range_of(keyword) is not None) == (takes_numbers and keyword != "ignore_index"), keyword
