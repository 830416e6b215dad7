"""Reads the keywords of a loss's constructor from its source file, because importing the file would import torch."""

from __future__ import annotations

import ast
import operator
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple, NoReturn

from losses.table import LOSSES

ROOT = Path(__file__).resolve().parent.parent
TYPES = {"float": float, "int": int, "bool": bool, "str": str}
OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


class Keyword(NamedTuple):
    """A keyword of a constructor: its annotation as a type, such as `float | None`, and its default."""

    annotation: object
    default: object


def keywords_of(name: str) -> dict[str, Keyword]:
    """Returns the keywords of the loss called `name`, those of its base classes first.

    A constructor that takes `**options` hands them to its base class, so the base's keywords are the loss's too; a
    default of the loss itself takes the place of its base's.

    Raises:
        TypeError: the source has an annotation, a default or a base class that this module cannot read.
    """
    return _Source(LOSSES[name].module).keywords_of(name)


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


class _Source:
    """The source of a module of this package, such as "losses.dice"."""

    def __init__(self, module: str) -> None:
        self.path = ROOT.joinpath(*module.split(".")).with_suffix(".py")

    def keywords_of(self, loss: str) -> dict[str, Keyword]:
        source, owner = self._definition(loss)
        if not isinstance(owner, ast.ClassDef):
            raise TypeError(f"{self.path.name}: {loss} is no class of this file or of another one in losses/")
        constructor = next((n for n in owner.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
        if constructor is not None and constructor.args.kwarg is None:
            return source._own_keywords(constructor)
        keywords: dict[str, Keyword] = {}
        for base in reversed(owner.bases):
            if isinstance(base, ast.Name):  # and not nn.Module, an attribute, which takes no keywords
                keywords |= source.keywords_of(base.id)
        return keywords if constructor is None else keywords | source._own_keywords(constructor)

    def _own_keywords(self, constructor: ast.FunctionDef) -> dict[str, Keyword]:
        arguments = constructor.args
        positional = (arguments.posonlyargs + arguments.args)[1:]  # without self
        defaults = [None] * (len(positional) - len(arguments.defaults)) + arguments.defaults + arguments.kw_defaults
        keywords = {}
        for argument, default in zip(positional + arguments.kwonlyargs, defaults, strict=True):
            if argument.annotation is None or default is None:
                self._refuse(argument, "a keyword of a loss with an annotation and a default")
            keywords[argument.arg] = Keyword(self._type(argument.annotation), self._value(default))
        return keywords

    def _definition(self, name: str) -> tuple[_Source, ast.AST | None]:
        """Returns the class or the value that `name` stands for, with the source that defines it.

        It returns None if no file of losses/ defines it.
        """
        for node in _parsed(self.path).body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                return self, node
            if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]:
                return self, node.value
            if isinstance(node, ast.ImportFrom) and name in [alias.name for alias in node.names]:
                inside = node.module.startswith("losses.")
                return _Source(node.module)._definition(name) if inside else (self, None)
        return self, None

    def _type(self, node: ast.AST) -> object:
        """Returns an annotation as the type that Python would make of it."""
        if isinstance(node, ast.Constant) and node.value is None:
            return None
        if isinstance(node, ast.Name) and node.id in TYPES:
            return TYPES[node.id]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self._type(node.left) | self._type(node.right)
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal":
            values = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            return Literal[tuple(self._value(value) for value in values)]
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Sequence":
            return Sequence[self._type(node.slice)]
        if isinstance(node, ast.Name):
            source, alias = self._definition(node.id)
            if alias is not None:
                return source._type(alias)
        return self._refuse(node, "a type made of float, int, bool, str, None, Literal, Sequence and |")

    def _value(self, node: ast.AST) -> object:
        """Returns a default: a constant, or numbers with + − * / between them."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -self._value(node.operand)
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            return OPERATORS[type(node.op)](self._value(node.left), self._value(node.right))
        return self._refuse(node, "a constant, or numbers with + - * / between them")

    def _refuse(self, node: ast.AST, allowed: str) -> NoReturn:
        raise TypeError(
            f"{self.path.name}, line {node.lineno}: `{ast.unparse(node)}` cannot be read for the configuration; "
            f"write {allowed}"
        )
