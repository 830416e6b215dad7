"""What a check of a data folder found: problems, facts, and both as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

# In the order in which they are told. Errors are what a training refuses, and what shows that files are lost or
# changed (a mask without image, a checksum); warnings may be meant.
ERRORS = (
    "layout",
    "classes",
    "checksum",
    "unreadable",
    "pixel values",
    "duplicate stem",
    "missing mask",
    "extra mask",
    "mask values",
    "size",
)
WARNINGS = ("duplicate image", "constant image", "empty mask", "full mask", "overlap", "labels", "ignored file")
_ORDER = {kind: place for place, kind in enumerate(ERRORS + WARNINGS)}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, or worth a look.

    Attributes:
        kind: one of `ERRORS` or `WARNINGS`.
        files: paths relative to the data folder, with forward slashes.
        found: what was found there.
        fix: what to do.
    """

    kind: str
    files: tuple[str, ...]
    found: str
    fix: str

    @property
    def severity(self) -> str:
        """ "error" or "warning"."""
        return "error" if self.kind in ERRORS else "warning"


@dataclass(frozen=True)
class Report:
    """Everything that a check found; `facts` are those of `datasets.check.facts.collect`."""

    folder: str
    facts: Mapping[str, Any]
    problems: Sequence[Problem]

    @property
    def errors(self) -> int:
        return sum(problem.severity == "error" for problem in self.problems)

    def json(self) -> str:
        """{"folder", "facts", "problems": [{"severity", "kind", "files", "found", "fix"}, …]} with all problems."""
        problems = [
            {"severity": one.severity, "kind": one.kind, "files": one.files, "found": one.found, "fix": one.fix}
            for one in self.problems
        ]
        content = {"folder": self.folder, "facts": self.facts, "problems": problems}
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def text(self, most: int = 10) -> str:
        """The same for a terminal, with at most `most` problems of one kind."""
        warnings = len(self.problems) - self.errors
        verdict = f"{_counted(self.errors, 'error')}, {_counted(warnings, 'warning')}"
        return "\n".join([self.folder, *_fact_lines(self.facts), *_problem_lines(self.problems, most), "", verdict])


def in_order(problems: Sequence[Problem]) -> list[Problem]:
    """Errors first, then by kind and files: an order that depends on nothing but the problems."""
    return sorted(problems, key=lambda one: (_ORDER[one.kind], one.files, one.found))


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + "s" * (number != 1)


def _problem_lines(problems: Sequence[Problem], most: int) -> list[str]:
    lines = []
    for kind, group in groupby(problems, key=lambda one: one.kind):
        members = list(group)
        lines += ["", f"{members[0].severity}: {kind} ({len(members)})"]
        for fix, shown in groupby(members[:most], key=lambda one: one.fix):
            lines += [f"  {', '.join(one.files)}: {one.found}" for one in shown]
            lines.append(f"    fix: {fix}")
        if len(members) > most:
            lines.append(f"  … and {len(members) - most} more")
    return lines


def _fact_lines(facts: Mapping[str, Any]) -> list[str]:
    rows = [("images", str(facts["images"]))]
    sizes = facts["sizes"]
    if sizes is not None:
        smallest, largest = ("×".join(map(str, sizes[key])) for key in ("smallest", "largest"))
        span = smallest if sizes["distinct"] == 1 else f"{smallest} to {largest}, {sizes['distinct']} sizes"
        rows.append(("sizes", f"{span} (height×width in pixels)"))
        rows.append(("pixels", ", ".join(f"{name}: {count}" for name, count in facts["pixels"].items())))
        if facts["equal_channels"]:
            rows.append(("", f"of these, grey stored in three equal channels: {facts['equal_channels']}"))
    for name, of_class in facts["classes"].items():
        rows += [(f"class {name}", line) for line in _class_lines(of_class)]
    if len(facts["classes"]) > 1:
        rows.append(("overlap", f"{facts['overlap_share']:.2%} of the pixels belong to more than one class"))
    if facts["label_maps"]:
        rows.append(("label maps", str(facts["label_maps"])))
    if facts["checksums"] is not None:
        rows.append(("SHA256SUMS", "{matching} of {listed} files match".format(**facts["checksums"])))
    crop = facts["suggested_crop"]
    rows.append(("data.crop", f"{crop if crop is not None else 'none'}: {facts['suggested_crop_reason']}"))
    shown = [
        ("" if row and row == before else row, text)
        for (before, _), (row, text) in zip([("", ""), *rows[:-1]], rows, strict=True)
    ]
    width = max(len(row) for row, _ in shown)
    return [f"  {row:{width}}  {text}" for row, text in shown]


def _class_lines(facts: Mapping[str, Any]) -> list[str]:
    share = facts["foreground_share"]
    masks = f"{_counted(facts['mask_files'], 'mask')}, {facts['with_foreground']} with foreground"
    lines = [masks if share is None else f"{masks}: {share:.1%} of the pixels"]
    if facts["objects"]:
        spread = "median {median:.1f} pixels, 5th to 95th percentile {p5:.1f} to {p95:.1f}".format(**facts["diameter"])
        lines.append(f"{_counted(facts['objects'], 'object')}, equivalent diameter: {spread}")
    return lines
