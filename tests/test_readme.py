"""The pages: the configuration that they explain is valid and complete, what they name exists, scores were measured.

The requirements are here too, because the first page says how to install them.
"""

import importlib.util
import re
from pathlib import Path

import pytest
from test_layers import ALLOWED

from datasets.folder.description import read_description
from engine.schema.config_file import load_config
from system.yaml_file import parse_yaml

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
RESULTS = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
PAGES = ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
OF_THE_READER = {"pretrained/x/config.yaml", "configs/x.yaml", "configs/mine.yaml"}  # files that a reader makes
PATTERNS = re.compile(r"[<*]")  # a path with one of these stands for several files


def yaml_blocks(text):
    return re.findall(r"```yaml\n(.+?)```", text, re.DOTALL)


def links_of(text):
    return [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("http")]


def files_named(text):
    """Paths of the repository's own files and folders, as a page names them in backticks or in a command."""
    folders = "|".join(path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in ("inputs", "outputs"))
    named = re.findall(rf"(?<![\w/])((?:{folders})/[\w./<>*-]*(?:\.\w+|/))", text)
    scripts = re.findall(r"(?<![\w/.-])(\w+\.(?:py|txt|lock))\b(?!\w)", text)
    return [path for path in named + scripts if not PATTERNS.search(path)]


def modules_run(text):
    return re.findall(r"python3? -m ([\w.]+)", text)


def test_the_configuration_explained_is_valid_and_names_every_key(tmp_path):
    _, block = yaml_blocks(REFERENCE)
    (tmp_path / "x.yaml").write_text(block)
    config = load_config(tmp_path / "x.yaml").model_dump()
    written = parse_yaml(block, "docs/reference.md")
    assert set(written) == set(config)
    for section in ("data", "model", "train", "decode"):
        assert set(written[section]) == set(config[section])


def test_the_data_set_explained_is_valid(tmp_path):
    block, _ = yaml_blocks(REFERENCE)
    (tmp_path / "dataset.yaml").write_text(block)
    described = read_description(tmp_path)
    assert described.classes == ("background", "cell", "nucleus")
    assert (described.class_map_palette, described.void) == ((0, 128, 255), 7)


def test_the_first_pages_are_short_and_lead_to_every_other():
    assert len(README.splitlines()) <= 170
    assert len((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()) <= 60
    assert yaml_blocks(README) == []  # keys are explained in one place
    assert {page for page in PAGES if page != "README.md"} <= set(links_of(README))


@pytest.mark.parametrize("page", PAGES)
def test_links_files_and_modules_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    folder = (ROOT / page).parent
    assert [link for link in links_of(text) if not (folder / link.split("#")[0]).exists()] == []
    assert [path for path in set(files_named(text)) - OF_THE_READER if not exists(path)] == []
    assert [name for name in modules_run(text) if not importlib.util.find_spec(name)] == []


def exists(path):
    return (ROOT / path).exists() or (ROOT / "docs" / path).exists()


def test_what_is_looked_for_is_found():
    """The control of the test above: it sees each kind of name, and a wrong one is no file."""
    text = "see [a](docs/no.md), `engine/no.py`, `tasks/truth.py`, no.py, `configs/<name>.yaml`; python -m system.no"
    assert links_of(text) == ["docs/no.md"]
    assert files_named(text) == ["docs/no.md", "engine/no.py", "tasks/truth.py", "no.py"]
    assert [path for path in files_named(text) if exists(path)] == ["tasks/truth.py"]
    assert modules_run(text) == ["system.no"]
    assert importlib.util.find_spec("system.no") is None
    assert len(links_of(README)) >= 8
    assert len([path for path in files_named(README) if path.startswith("configs/")]) >= 7
    assert len(set(modules_run(README))) >= 5


def test_the_layers_explained_are_those_that_are_tested():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.split("## Layers")[1].split("`tests/test_layers.py`")[0]
    rows = re.findall(r"^\| `([\w/]+)` \| (.+) \|$", table, re.MULTILINE)
    assert {folder: set(re.findall(r"`([\w/]+)`", allowed)) for folder, allowed in rows} == ALLOWED


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    pages = [(ROOT / page).read_text(encoding="utf-8") for page in PAGES]
    named = {name for text in pages for name in re.findall(r"(?:`|^    )make ([a-z-]+)\b", text, re.MULTILINE)}
    assert {"demo", "test", "lint"} <= named | {"setup"} <= targets


def scores_of(text):
    """Every number that looks like a score, such as 0.8322."""
    return set(re.findall(r"\b0\.\d{3,4}\b", text))


def test_the_scores_of_the_first_page_were_measured():
    assert {"0.9453", "0.9293", "0.8322"} <= scores_of(README)
    assert scores_of(README) <= scores_of(RESULTS)
    assert not scores_of("IoU 0.1234") <= scores_of(RESULTS)  # the control


def test_the_lock_pins_what_the_requirements_name():
    names = [
        {re.split(r"[=><]", line)[0].lower().replace("_", "-") for line in text.splitlines() if line[:1].isalpha()}
        for text in ((ROOT / name).read_text(encoding="utf-8") for name in ("requirements.txt", "requirements.lock"))
    ]
    assert len(names[0]) >= 10
    assert names[0] <= names[1]
