"""The report of a check: facts and problems of a data folder, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from datasets.folder.problems import Problem


@dataclass(frozen=True)
class Report:
    """Everything that a check found.

    Attributes:
        folder: path of the data folder.
        facts: see `datasets.check.facts.collect`.
        problems: in the order of `datasets.folder.problems.in_order`.
        notes: what was recognised in the folder, in sentences.
    """

    folder: str
    facts: Mapping[str, Any]
    problems: Sequence[Problem]
    notes: Sequence[str] = ()

    @property
    def errors(self) -> int:
        return sum(problem.severity == "error" for problem in self.problems)

    def json(self) -> str:
        """Returns the whole report as JSON.

        {"folder", "notes", "facts", "problems": [{"severity", "kind", "files", "found", "fix"}, …]}
        """
        keys = ("severity", "kind", "files", "found", "fix")
        problems = [{key: getattr(one, key) for key in keys} for one in self.problems]
        content = {"folder": self.folder, "notes": list(self.notes), "facts": self.facts, "problems": problems}
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def text(self, most: int = 10) -> str:
        """Returns the same for a terminal, with at most `most` problems of one kind."""
        warnings = len(self.problems) - self.errors
        notes = [f"  {note}" for note in self.notes]
        verdict = f"{counted(self.errors, 'error')}, {counted(warnings, 'warning')}"
        problems = _problem_lines(self.problems, most)
        return "\n".join([self.folder, *notes, *_fact_lines(self.facts), *problems, "", verdict])


def counted(number: int, noun: str) -> str:
    """Returns a number with its noun, such as "1 error" and "2 errors"."""
    return f"{number} {noun}" + "s" * (number != 1)


def _problem_lines(problems: Sequence[Problem], most: int) -> list[str]:
    lines = []
    for (severity, kind), group in groupby(problems, key=lambda one: (one.severity, one.kind)):
        members = list(group)
        lines += ["", f"{severity}: {kind} ({len(members)})"]
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
    rows += [("groups", line) for line in _relation_lines(facts["relations"])]
    crop = facts["suggested_crop"]
    rows.append(("data.crop", f"{crop if crop is not None else 'none'}: {facts['suggested_crop_reason']}"))
    shown = [
        ("" if row and row == before else row, text)
        for (before, _), (row, text) in zip([("", ""), *rows[:-1]], rows, strict=True)
    ]
    width = max(len(row) for row, _ in shown)
    return [f"  {row:{width}}  {text}" for row, text in shown]


def _relation_lines(relations: Mapping[str, Any] | None) -> list[str]:
    if relations is None:
        return []
    kinds = ", ".join(f"{count} {kind}" for kind, count in relations["kinds"].items())
    how = "given in dataset.yaml" if relations["given"] else "found"
    return [
        f"{relations['groups']} {how}, {counted(relations['largest'], 'image')} in the largest",
        f"{counted(relations['with_neighbour'], 'image')} with a neighbour that continues the image",
        f"{relations['with_neighbour_by_chance']} by chance, where edges are compared that do not face each other",
        f"{counted(relations['near_duplicates'], 'near duplicate')}; kinds: {kinds}",
    ]


def _class_lines(of_class: Mapping[str, Any]) -> list[str]:
    share, diameter = of_class["foreground_share"], of_class["diameter"]
    masks = f"{counted(of_class['mask_files'], 'mask')}, {of_class['with_foreground']} with foreground"
    lines = [masks if share is None else f"{masks}: {share:.1%} of all pixels"]
    if of_class["objects"]:
        spread = "median {median:.1f} pixels, 5th to 95th percentile {p5:.1f} to {p95:.1f}".format(**diameter)
        lines.append(f"{counted(of_class['objects'], 'object')}, equivalent diameter: {spread}")
    return lines
