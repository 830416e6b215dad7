"""Chooses the faults that are planted: which small change, in which line of which file."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

FOLDERS = ("losses", "metrics", "models", "tasks", "inference", "images")
Place = tuple[int, int]  # line from 1, column from 0
# Of cosmic-ray's operators, those whose faults are plausible and run: "<" for "<=", but neither "is" nor ">>" for "-".
ORDERS = ("Lt", "LtE", "Gt", "GtE")
PAIRS = [("Add", "Sub"), ("Mul", "Div"), ("FloorDiv", "Mod"), ("BitAnd", "BitOr"), ("LShift", "RShift")]
OPERATORS = {
    *("AddNot", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd"),
    *("ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "ZeroIterationForLoop"),
    *("NumberReplacer", "ExceptionReplacer", "RemoveDecorator"),
    *(f"ReplaceUnaryOperator_{swap}" for swap in ("USub_UAdd", "Delete_USub", "Delete_Invert", "Delete_Not")),
    *(f"ReplaceBinaryOperator_{a}_{b}" for pair in PAIRS for a, b in (pair, pair[::-1])),
    *(f"ReplaceBinaryOperator_{swap}" for swap in ("FloorDiv_Mul", "Pow_Mul", "BitXor_BitOr")),
    *(f"ReplaceComparisonOperator_{swap}" for swap in ("Eq_NotEq", "NotEq_Eq", "In_NotIn", "NotIn_In")),
    *(f"ReplaceComparisonOperator_{swap}" for swap in ("Is_IsNot", "IsNot_Is")),
    *(f"ReplaceComparisonOperator_{a}_{b}" for a in ORDERS for b in ORDERS if a != b),
}
# Assertions about our own code: they change nothing as long as it is right.
ASSERTIONS = ("strict=", "frozen=")


class Change(NamedTuple):
    """One change that cosmic-ray can make: the `occurrence`-th that its `operator` offers in a file, at a place."""

    operator: str
    occurrence: int
    place: Place


class Fault(NamedTuple):
    """A fault: the changed lines before and after, without indent, and the whole text of the faulty file."""

    file: str
    line: int
    before: str
    after: str
    text: str


def annotations(source: str) -> list[tuple[Place, Place]]:
    """Returns where the annotations of a source begin and end. They are never evaluated, so a change does nothing."""
    nodes = list(ast.walk(ast.parse(source)))
    found = [getattr(node, name, None) for node in nodes for name in ("annotation", "returns")]
    return [((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)) for node in found if node]


def changes(source: str) -> list[Change]:
    """Returns the changes that cosmic-ray can make in a source, except in annotations and ASSERTIONS."""
    operators = {name: get_operator(name)() for name in operator_names() if name.removeprefix("core/") in OPERATORS}
    lines = source.split("\n")
    counts = dict.fromkeys(operators, 0)
    without = annotations(source)
    found = []
    for node in ast_nodes(get_ast(source)):
        for name, operator in operators.items():
            for begin, _ in operator.mutation_positions(node):
                before, after = lines[begin[0] - 1][: begin[1]], lines[begin[0] - 1][begin[1] :]
                ignored = before.endswith(ASSERTIONS) or after.startswith("*,")  # in a list of arguments, no product
                if not ignored and not any(first <= begin < last for first, last in without):
                    found.append(Change(name, counts[name], begin))
                counts[name] += 1
    return found


def drawn(file: str, source: str, *, seed: int) -> list[Change]:
    """Returns one change for each place of a file that has any, in an order that the seed gives.

    An order by hashes of the lines stays as it is where other lines of the file change.
    """

    def lot(*facts: object) -> bytes:
        return hashlib.sha256(repr((seed, file, *facts)).encode()).digest()

    lines = source.split("\n")
    places: dict[Place, list[Change]] = {}
    for change in changes(source):
        places.setdefault(change.place, []).append(change)
    chosen = [
        min(those, key=lambda change: lot(lines[change.place[0] - 1], change.place[1], change.operator))
        for those in places.values()
    ]
    return sorted(chosen, key=lambda change: lot(lines[change.place[0] - 1], change.place[1]))


def fault(file: str, source: str, change: Change) -> Fault | None:
    """Makes a change in the text of a file; None if Python cannot read the text or sees no change in it."""
    try:
        text = mutate_code(source, get_operator(change.operator)(), change.occurrence)
        if ast.dump(ast.parse(text)) == ast.dump(ast.parse(source)):
            return None
    except (SyntaxError, AttributeError):  # the second where cosmic-ray meets a dotted name behind `except`
        return None
    old, new = source.split("\n"), text.split("\n")
    first = next(index for index, (a, b) in enumerate(zip(old, new, strict=False)) if a != b)
    last = next(index for index, (a, b) in enumerate(zip(old[::-1], new[::-1], strict=False)) if a != b)
    before, after = (
        " ".join(filter(None, map(str.strip, lines[first : max(first, len(lines) - last)]))) for lines in (old, new)
    )
    return Fault(file, first + 1, before, after, text)


def quotas(places: Sequence[int], *, count: int, at_least: int) -> list[int]:
    """Returns how many faults each file gets: a share of `count` by its places, and `at_least` if it has so many."""
    return [min(those, max(at_least, round(count * those / sum(places)))) for those in places]


def choose(root: Path, *, count: int, seed: int, at_least: int = 2) -> list[Fault]:
    """Chooses about `count` faults in the files of FOLDERS: `at_least` of each file, the rest by the files' places."""
    files = sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.py"))
    sources = {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in files}
    lots = {file: drawn(file, source, seed=seed) for file, source in sources.items()}
    shares = quotas([len(those) for those in lots.values()], count=count, at_least=at_least)
    chosen: list[Fault] = []
    for (file, those), share in zip(lots.items(), shares, strict=True):
        made = (fault(file, sources[file], change) for change in those)
        chosen += islice((one for one in made if one is not None), share)
    return chosen
