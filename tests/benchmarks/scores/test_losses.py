"""docs/losses.md holds what its command prints, names every loss and key, and its examples are valid."""

import re
from pathlib import Path

import pytest
from support.config_files import GOOD, load

from benchmarks.scores.losses import best_table, draw, gradient_table, smoothing_table
from losses import LOSSES
from losses.table import EVERY_TARGET
from system.yaml_file import parse_yaml
from tasks import TASKS, tasks_with

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "losses.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("table", [smoothing_table, best_table])
def test_the_page_holds_the_tables(table):
    assert table() in PAGE


def test_the_page_holds_the_gradients():
    """Compared as numbers: their last digit may depend on the machine."""

    def cells(text):
        return {row.split(" | ")[0]: [float(x) for x in re.findall(r"[\d.]+e[-+]\d+", row)] for row in text}

    printed = cells(gradient_table().splitlines()[2:])
    found = cells(PAGE.split("## The gradient of an image")[1].split("##")[0].splitlines())
    assert len(printed) == len(LOSSES) + 5
    for title, numbers in printed.items():
        assert found[title] == pytest.approx(numbers, rel=0.1, abs=1e-13)


def test_the_published_smoothing_example():
    rows = [line.split(" | ") for line in smoothing_table().splitlines()]
    dice = {row[1]: row[2] for row in rows if row[0] == "| both"}
    assert (dice["1e-05"], dice["100"]) == ("9.9999e-06", "0.990099")


def test_every_loss_and_its_tasks_stand_in_the_page():
    family = PAGE.split("## The family")[1].split("##")[0]
    found = dict(re.findall(r"^\| `(\w+)` \|.*\| ([\w, ]+) \| [^|]*\|$", family, re.MULTILINE))
    assert found == {
        name: "all"
        if entry.fits == EVERY_TARGET
        else ", ".join(task for task in tasks_with(entry.fits) if not TASKS[task].instances)
        for name, entry in LOSSES.items()
    }


def test_the_examples_are_valid_configurations(tmp_path):
    examples = re.findall(r"`(\{name: .+?\})`", PAGE)
    examples = [example.replace("2s", "2").replace("1/g", "1.5") for example in examples]
    assert len(examples) >= 6
    for example in examples:
        task = "multiclass" if "Categorical" in example else "binary"
        assert load(tmp_path, GOOD, f"task={task}", f"loss={example}")
    (block,) = re.findall(r"```yaml\n(.+?)```", PAGE, re.DOTALL)
    load(tmp_path, GOOD, f"loss={parse_yaml(block, 'docs/losses.md')['loss']}")


@pytest.mark.slow
def test_the_figure_is_drawn(tmp_path):
    draw(tmp_path / "losses.png")
    assert (tmp_path / "losses.png").stat().st_size > 20_000
