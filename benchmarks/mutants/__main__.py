"""Plants small faults in the code, one at a time, and looks whether the tests of the same folder notice them.

    make mutants
    python -m benchmarks.mutants --faults 30 --only losses      # fewer faults, only in some folders or files

cosmic-ray makes the faults: another operator, another number, a condition turned round, a loop that does not run. They
are drawn with a fixed seed over the files of six folders. A fault that no test notices is a weak place of the tests, or
it changes nothing: `equivalent.py` lists those. Everything happens in a temporary copy of the project. Needs fork.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.mutants.equivalent import EQUIVALENT
from benchmarks.mutants.faults import FOLDERS, Fault, choose
from benchmarks.mutants.trial import copy_tree, load, run_tests, tests_of

ROOT = Path(__file__).resolve().parent.parent.parent
OUTCOMES = ("noticed", "equivalent", "not noticed")


def seconds_of_whole_tests(root: Path, log: Path) -> dict[str, float]:
    """Runs the tests of each folder without a fault, and returns how long they took. They must pass."""
    times = {}
    for folder in FOLDERS:
        start = time.monotonic()
        code = run_tests(root, [f"tests/{folder}"], seconds=1800, log=log)
        if code != 0:
            sys.exit(
                f"tests/{folder} fails without any fault (code {code}):\n{log.read_text(errors='replace')[-3000:]}"
            )
        times[folder] = time.monotonic() - start
    return times


def outcome(root: Path, fault: Fault, *, seconds: float, log: Path) -> str:
    """Plants a fault, runs the tests of its folder, and takes the fault out again."""
    path = root / fault.file
    whole = path.read_bytes()
    path.write_text(fault.text, encoding="utf-8")
    try:
        code = run_tests(root, tests_of(root, fault.file), seconds=seconds, log=log)
    finally:
        path.write_bytes(whole)
    if code != 0:
        return "noticed"
    return "equivalent" if (fault.file, fault.before, fault.after) in EQUIVALENT else "not noticed"


def table(outcomes: Counter) -> str:
    """Returns the table of the outcomes by folder, in Markdown."""
    lines = ["| folder | faults | " + " | ".join(OUTCOMES) + " |", "|---" * (2 + len(OUTCOMES)) + "|"]
    for name in (*FOLDERS, "all"):
        counts = [sum(n for (folder, what), n in outcomes.items() if name in (folder, "all") and what == column)
                  for column in OUTCOMES]  # fmt: skip
        lines.append(f"| {' | '.join(map(str, [name, sum(counts), *counts]))} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--faults", type=int, default=260, help="how many, but each file gets two (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="draws other faults (default: %(default)s)")
    parser.add_argument("--only", nargs="+", default=[""], help="only faults in files whose path begins so")
    options = parser.parse_args()
    outcomes: Counter = Counter()
    with tempfile.TemporaryDirectory() as folder:
        root, log = Path(folder, "project"), Path(folder, "log.txt")
        copy_tree(ROOT, root)
        faults = [f for f in choose(root, count=options.faults, seed=options.seed)
                  if f.file.startswith(tuple(options.only))]  # fmt: skip
        load()
        times = seconds_of_whole_tests(root, log)
        print(
            f"{len(faults)} faults; the whole tests take { ({k: round(v) for k, v in times.items()}) } seconds",
            flush=True,
        )
        sys.dont_write_bytecode = True  # a faulty file and the whole one may have the same size and time
        for number, fault in enumerate(faults, 1):
            start = time.monotonic()
            top = fault.file.split("/")[0]
            what = outcome(root, fault, seconds=30 + 3 * times[top], log=log)
            outcomes[top, what] += 1
            print(f"{number} {what} in {time.monotonic() - start:.0f} s: {fault.file}:{fault.line}", flush=True)
            if what != "noticed":
                print(f"    - {fault.before}\n    + {fault.after}", flush=True)
    print(table(outcomes))


if __name__ == "__main__":
    main()
