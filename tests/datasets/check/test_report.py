"""The report of the check: its text, its JSON and its exit code."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from support.checked_sets import SIDE, draw_set, plant, write

from datasets.check.__main__ import main
from datasets.check.folder import check
from datasets.check.report import Report
from datasets.folder.problems import ERRORS, WARNINGS, Problem
from system.errors import run_script


def test_the_text_shows_each_problem_with_its_fix_below(tmp_path):
    root = draw_set(tmp_path / "set")
    plant(root)
    report = check(root)
    lines = report.text().splitlines()
    for one in report.problems:
        assert f"  {', '.join(one.files)}: {one.found}" in lines
        assert f"    fix: {one.fix}" in lines
    assert "error: checksum (3)" in lines
    assert lines[-1] == "13 errors, 6 warnings"


def test_many_problems_of_a_kind_are_cut_in_the_text_only(tmp_path):
    root = draw_set(tmp_path / "set")
    for path in (root / "masks/cell").glob("[a-m].png"):
        path.unlink()
    report = check(root)
    text = report.text()
    assert len(report.problems) == len(json.loads(report.json())["problems"]) == 13
    assert text.count("no mask") == 10
    assert "  … and 3 more\n" in text


def test_every_kind_has_one_severity():
    assert len(set(ERRORS + WARNINGS)) == len(ERRORS) + len(WARNINGS)
    assert Problem(ERRORS[0], (), "", "").severity == "error"
    assert Problem(WARNINGS[0], (), "", "").severity == "warning"
    assert Report("x", {}, [Problem(WARNINGS[0], (), "", ""), Problem(ERRORS[0], (), "", "")]).errors == 1


def test_the_report_does_not_depend_on_the_order_of_the_directory(tmp_path, monkeypatch):
    root = draw_set(tmp_path / "set")
    plant(root)
    before = check(root)
    glob = Path.glob
    monkeypatch.setattr(Path, "glob", lambda self, pattern: reversed(sorted(glob(self, pattern))))
    after = check(root)
    assert (after.text(), after.json()) == (before.text(), before.json())


def test_json_and_exit_code_with_warnings_only(clean, tmp_path, capsys):
    write(clean, "masks/cell/b.png", np.zeros((SIDE, SIDE), np.uint8))
    file = tmp_path / "out" / "report.json"
    assert run_script(lambda: main([str(clean), "--json", str(file)]), debug=False) == 0
    shown = capsys.readouterr()
    assert "0 errors, 1 warning" in shown.out
    content = json.loads(file.read_text(encoding="utf-8"))
    assert list(content) == ["folder", "notes", "facts", "problems"]
    assert content["folder"] == str(clean)
    assert content["facts"]["classes"]["cell"]["with_foreground"] == 2
    (problem,) = content["problems"]
    assert list(problem) == ["severity", "kind", "files", "found", "fix"]
    assert (problem["severity"], problem["files"]) == ("warning", ["masks/cell/b.png"])


def test_exit_code_and_json_with_errors(clean, tmp_path, capsys):
    (clean / "masks/cell/b.png").unlink()
    file = tmp_path / "report.json"
    assert run_script(lambda: main([str(clean), "--json", str(file)]), debug=False) == 3
    shown = capsys.readouterr()
    assert "error: missing mask (1)\n  images/b.png: no mask masks/cell/b.*\n    fix: " in shown.out
    assert shown.err.startswith(f"error: {clean}: 1 error; correct")
    assert json.loads(file.read_text(encoding="utf-8"))["problems"][0]["kind"] == "missing mask"


def test_help_imports_nothing_heavy():
    root = Path(__file__).resolve().parents[3]
    code = (
        "import sys, datasets.check.__main__; print([name for name in ('cv2', 'numpy', 'yaml') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
