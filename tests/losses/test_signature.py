"""The keywords that are read from the sources are those that Python sees in the classes."""

import inspect
import shutil
import typing
from pathlib import Path

import pytest
from torch import nn

import losses
from losses import LOSSES, keywords_of, signature
from losses.signature import Keyword


def live_keywords(loss):
    """Keyword → annotation and default of a class, base classes first, as Python itself has them."""
    keywords = {}
    for owner in reversed(loss.__mro__):
        if issubclass(owner, nn.Module) and owner is not nn.Module and "__init__" in vars(owner):
            parameters = list(inspect.signature(owner).parameters.values())
            hints = typing.get_type_hints(owner.__init__)
            own = {p.name: Keyword(hints[p.name], p.default) for p in parameters if p.kind is not p.VAR_KEYWORD}
            keywords = keywords | own if any(p.kind is p.VAR_KEYWORD for p in parameters) else own
    return keywords


@pytest.mark.parametrize("name", LOSSES)
def test_the_source_says_what_the_class_says(name):
    read, live = keywords_of(name), live_keywords(getattr(losses, name))
    assert list(read.items()) == list(live.items())
    assert [type(keyword.default) for keyword in read.values()] == [type(keyword.default) for keyword in live.values()]
    assert read


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """Replaces text in a copy of the losses' sources, from which keywords are read from then on."""
    shutil.copytree(Path(losses.__file__).parent, tmp_path / "losses", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(signature, "ROOT", tmp_path)

    def plant(file, old, new):
        path = tmp_path / "losses" / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    return plant


def test_the_copy_is_read(planted):
    planted("bce_dice.py", "smooth: float = 1e-5", "smooth: float = 1e-5")
    test_the_source_says_what_the_class_says("BCEDiceLoss")


@pytest.mark.parametrize(
    ("file", "old", "new", "name"),
    [
        ("bce_dice.py", "smooth: float = 1e-5", "smooth: float = 1e-4", "BCEDiceLoss"),
        ("bce_dice.py", "smooth: float = 1e-5", "smooth: float | None = 1e-5", "BCEDiceLoss"),
        ("bce_dice.py", "smooth: float = 1e-5", "smoothing: float = 1e-5", "BCEDiceLoss"),
        ("tversky.py", "gamma: float = 4 / 3", "gamma: float = 4 / 5", "FocalTverskyLoss"),
        ("overlap.py", "per_class: bool = True", "per_class: bool = False", "CategoricalDiceLoss"),
        ("overlap.py", '"softmax", "none"]', '"softmax"]', "BinaryDiceLoss"),
        ("overlap.py", "Smooth = float |", "Smooth = int |", "LogDiceLoss"),
    ],
)
def test_a_difference_is_seen(planted, file, old, new, name):
    planted(file, old, new)
    with pytest.raises(AssertionError):
        test_the_source_says_what_the_class_says(name)


@pytest.mark.parametrize(
    ("new", "told"),
    [
        ("smooth: Tensor = 1e-5", r"bce_dice.py, line \d+: `Tensor` cannot be read .* a type made of float, int"),
        ("smooth: dict[str, float] = 1e-5", r"`dict\[str, float\]` cannot be read"),
        ("smooth = 1e-5", r"`smooth` cannot be read .* with an annotation and a default"),
        ("smooth: float = 1e-5, *, sure: bool", r"`sure: bool` cannot be read .* with an annotation and a default"),
        ("smooth: float = float('inf')", r"`float\('inf'\)` cannot be read .* a constant, or numbers with"),
        ("smooth: float = __import__('os').sep", r"cannot be read .* a constant, or numbers with"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(planted, new, told):
    planted("bce_dice.py", "smooth: float = 1e-5", new)
    with pytest.raises(TypeError, match=told):
        keywords_of("BCEDiceLoss")


def test_a_loss_that_the_table_finds_in_the_wrong_file(planted):
    planted("bce_dice.py", "class BCEDiceLoss", "class Other")
    with pytest.raises(TypeError, match=r"bce_dice.py: BCEDiceLoss is no class of this file"):
        keywords_of("BCEDiceLoss")


def test_numbers_with_signs_and_operators(planted):
    planted("bce_dice.py", "smooth: float = 1e-5", "smooth: float = -(1 + 2 * 3 - 1) / 4")
    assert keywords_of("BCEDiceLoss")["smooth"].default == -1.5
