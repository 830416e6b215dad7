"""The README: its configuration is valid and complete, its commands and files exist; and the requirements agree."""

import re
from pathlib import Path

from datasets.description import read_description
from engine.schema.config_file import load_config, parse_yaml

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_configuration_explained_is_valid_and_names_every_key(tmp_path):
    _, block = re.findall(r"```yaml\n(.+?)```", README, re.DOTALL)
    (tmp_path / "x.yaml").write_text(block)
    config = load_config(tmp_path / "x.yaml").model_dump()
    written = parse_yaml(block, "README.md")
    assert set(written) == set(config)
    for section in ("data", "model", "train"):
        assert set(written[section]) == set(config[section])


def test_the_data_set_explained_is_valid(tmp_path):
    block, _ = re.findall(r"```yaml\n(.+?)```", README, re.DOTALL)
    (tmp_path / "dataset.yaml").write_text(block)
    described = read_description(tmp_path)
    assert described.classes == ("background", "cell", "nucleus")
    assert (described.class_map_palette, described.void) == ((0, 128, 255), 7)


def test_links_and_files_exist():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith("http")]
    named = re.findall(r"configs/\w+\.yaml", README)
    assert len(links) >= 4
    assert len(named) >= 3
    assert [path for path in links + named if not (ROOT / path).exists() and path != "configs/x.yaml"] == [
        "configs/mine.yaml"
    ]


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+) ", README)) | {"demo", "test", "setup", "lint"} <= targets


def test_the_lock_pins_what_the_requirements_name():
    names = [
        {re.split(r"[=><]", line)[0].lower().replace("_", "-") for line in text.splitlines() if line[:1].isalpha()}
        for text in ((ROOT / name).read_text(encoding="utf-8") for name in ("requirements.txt", "requirements.lock"))
    ]
    assert len(names[0]) >= 10
    assert names[0] <= names[1]
