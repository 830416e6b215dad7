"""Turns the annotation of a keyword into the type that pydantic checks a key of a configuration with."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Sequence
from typing import Annotated, Literal, Union

from pydantic import Field, ValidationError, WrapValidator

from losses.rules import Range


def type_of_key(annotation: object, *, allowed: Range | None = None, left_out: Sequence[str] = ()) -> object:
    """Returns the type of a key: a sequence becomes a list that is not empty, and numbers get their range.

    Args:
        annotation: the annotation of the keyword, made of float, int, bool, str, None, Literal, Sequence and |.
        allowed: the range of the numbers in it; None allows any number.
        left_out: values of a Literal that a configuration does not offer.
    """
    members = typing.get_args(annotation)
    if annotation in (int, float) and allowed is not None:
        return Annotated[annotation, Field(ge=allowed.least, gt=allowed.above, le=allowed.most)]
    if _is_a(Literal, annotation):
        return Literal[tuple(value for value in members if value not in left_out)]
    if _is_a(Sequence, annotation):
        item = type_of_key(members[0], allowed=allowed)
        return Annotated[list[item], Field(min_length=1)]
    if not (_is_a(Union, annotation) or _is_a(types.UnionType, annotation)):
        return annotation
    union = Union[tuple(type_of_key(member, allowed=allowed, left_out=left_out) for member in members)]  # noqa: UP007
    alternatives = [member for member in members if member is not types.NoneType]
    if len(alternatives) == 1:
        return union
    return Annotated[union, _one_message(", or ".join(_in_words(each, allowed) for each in alternatives))]


def _is_a(kind: object, annotation: object) -> bool:
    return typing.get_origin(annotation) is kind


def _one_message(allowed: str) -> WrapValidator:
    """Returns a validator that gives one message for a whole union. Pydantic gives one for each member of it."""

    def check(value: object, validate: Callable[[object], object]) -> object:
        try:
            return validate(value)
        except ValidationError as error:
            raise ValueError(f"got {value!r}; allowed: {allowed}") from error

    return WrapValidator(check)


def _in_words(annotation: object, allowed: Range | None) -> str:
    bounds = f" {allowed}" if allowed else ""
    if _is_a(Literal, annotation):
        return ", ".join(typing.get_args(annotation))
    if _is_a(Sequence, annotation):
        (item,) = typing.get_args(annotation)
        return f"a list of {'whole numbers' if item is int else 'numbers'}{bounds}, such as [1, 2]"
    return f"a {'whole number' if annotation is int else 'number'}{bounds}"
