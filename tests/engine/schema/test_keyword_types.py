"""The types that pydantic checks keywords with: what each of them admits, and the single message of a union."""

from collections.abc import Sequence
from typing import Literal

import pytest
from pydantic import ConfigDict, TypeAdapter, ValidationError

from engine.schema.keyword_types import type_of_key
from losses.rules import FRACTION, NON_NEGATIVE, POSITIVE

STRICT = ConfigDict(strict=True, allow_inf_nan=False)


def adapter(annotation, **options):
    return TypeAdapter(type_of_key(annotation, **options), config=STRICT)


@pytest.mark.parametrize(
    ("annotation", "options", "good", "bad"),
    [
        (bool, {}, [True, False], [1, "yes", None]),
        (float, {}, [1, -0.5], ["1", True, float("inf"), None]),
        (float, {"allowed": POSITIVE}, [0.1, 2], [0, -1]),
        (float | None, {"allowed": FRACTION}, [0, 1, None], [1.1, -0.1, "0"]),
        (int | None, {"allowed": NON_NEGATIVE}, [0, 7, None], [-1, 0.5, True]),
        (int | None, {}, [-100, None], [0.5]),
        (Sequence[float] | None, {"allowed": NON_NEGATIVE}, [[0, 1.5], None], [[], [-1], 1, ["a"], [None]]),
        (Literal["a", "b"], {}, ["a", "b"], ["c", None]),
        (Literal["a", "b"], {"left_out": ("b",)}, ["a"], ["b"]),
        (float | Sequence[float], {"allowed": NON_NEGATIVE}, [0, [1, 2]], [-1, [], [-1], "1", True, float("inf")]),
        (Literal["a", "b"] | Sequence[int], {"allowed": NON_NEGATIVE}, ["a", [0, 2]], ["c", [], [-1], [0.5], 1]),
    ],
)
def test_what_a_type_admits(annotation, options, good, bad):
    for value in good:
        assert adapter(annotation, **options).validate_python(value) == value
    for value in bad:
        with pytest.raises(ValidationError):
            adapter(annotation, **options).validate_python(value)


@pytest.mark.parametrize(
    ("annotation", "told"),
    [
        (float | Sequence[float], "got [-1]; allowed: a number from 0, or a list of numbers from 0, such as [1, 2]"),
        (
            Literal["a", "b"] | Sequence[int],
            "got [-1]; allowed: a, b, or a list of whole numbers from 0, such as [1, 2]",
        ),
    ],
)
def test_a_union_has_one_message(annotation, told):
    with pytest.raises(ValidationError) as caught:
        adapter(annotation, allowed=NON_NEGATIVE).validate_python([-1])
    (problem,) = caught.value.errors()
    assert problem["loc"] == ()
    assert str(problem["ctx"]["error"]) == told
