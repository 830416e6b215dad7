"""Makes a ready model from a trained run: a small folder with the weights, for predict.py and model.weights.

python release.py --run outputs/nuclei --out pretrained/nuclei --licence CC0-1.0
python release.py --run outputs/nuclei --out pretrained/nuclei --licence CC0-1.0 \\
    --scores "fold 0=outputs/fold_0/val/summary.json" "fold 1=outputs/fold_1/val/summary.json" --notes scope.md
"""

from __future__ import annotations

import argparse
import json
import sys
import typing
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from system.errors import ConfigError, DataError, run_script

if typing.TYPE_CHECKING:
    from engine.schema.config import Config
    from inference.model_card.facts import ModelFacts
    from saved_run import SavedRun

ROOT = Path(__file__).resolve().parent  # paths in a configuration are relative to it
PATHS = {
    "data": ("root", "split_file", "cache"),
    "model": ("weights", "encoder_weights"),
}  # keys that may name private folders
CARD = "MODEL.md"
LARGE = 10_000_000  # bytes; a larger file does not belong into a repository


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Writes OUT/weights.pth, OUT/config.yaml and OUT/MODEL.md, and OUT/decode.yaml if the decoding of "
        "the run was tuned. predict.py --run OUT and model.weights=OUT take this folder."
    )
    parser.add_argument("--run", type=Path, required=True, help="run folder, such as outputs/nuclei")
    parser.add_argument("--out", type=Path, required=True, help="new folder, such as pretrained/nuclei")
    parser.add_argument("--licence", required=True, help="of the weights, such as CC0-1.0")
    scores_help = "rows of the model card: NAME=FILE, a summary.json of val.py (default: that of the run, if any)"
    parser.add_argument("--scores", nargs="+", metavar="NAME=FILE", help=scores_help)
    parser.add_argument("--notes", type=Path, metavar="FILE", help="Markdown for the scope in the model card")
    parser.add_argument("--half", action="store_true", help="store the weights of the convolutions as float16")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    given = parser.parse_args()
    release(given.run, given.out, licence=given.licence, scores=given.scores, notes=given.notes, half=given.half)


def release(
    run: Path,
    out: Path,
    *,
    licence: str,
    scores: Sequence[str] | None = None,
    notes: Path | None = None,
    half: bool = False,
) -> None:
    """Writes the folder of a ready model, or nothing at all.

    Raises:
        ConfigError: `out` is there already, or an item of `scores` has another form.
        DataError: a file of `scores` or `notes` cannot be read.
        CheckpointError: the run cannot be opened.
    """
    from engine.runs.ready_model import write_ready_weights
    from engine.schema.config_file import dump_config
    from inference.cells.decode_file import NAME as DECODE
    from inference.model_card.card import model_card
    from inference.model_card.ready import scope_section, scores_section
    from saved_run import open_run
    from system.files import staged_folder, write_bytes, write_text

    saved = open_run(run, device="cpu")
    state, config = saved.folder.load("best"), without_private_paths(saved.config)
    facts = published_facts(saved, config, name=out.resolve().name, licence=licence)
    shown = out if not out.is_absolute() else Path("pretrained") / out.name  # no path of this machine is published
    found, channels = read_scores(saved.folder.path, scores), facts.input.reader.channels
    more = {
        "Predict": f"    python predict.py --run {shown} --input FOLDER_OF_IMAGES --out outputs/new",
        "Scores": scores_section(found, seal=facts.training.weights),
        "Scope": "\n\n".join([scope_section(channels), *([read_text(notes).strip()] if notes else [])]),
    }
    precision = "float16" if half else "float32"
    with staged_folder(out) as folder:
        weights = write_ready_weights(folder, state | {"config": config.model_dump()}, half=half)
        write_text(folder / "config.yaml", dump_config(config))
        write_text(folder / CARD, model_card(facts, more=more))
        if (tuned := saved.folder.path / DECODE).exists():
            write_bytes(folder / DECODE, tuned.read_bytes())
        open_run(folder, device="cpu")  # nothing is published that cannot be opened
        size, names = weights.stat().st_size, ", ".join(sorted(path.name for path in folder.iterdir()))
    print(
        f"wrote   {out}: {names}\nweights {facts.training.parameters:,} parameters as {precision}, {size / 1e6:.1f} MB"
    )
    if size > LARGE:
        print(f"large   more than {LARGE / 1e6:.0f} MB; --half takes half of it, and a narrower network less")


def without_private_paths(config: Config) -> Config:
    """Returns the configuration with absolute paths, which say something about a machine, replaced by inputs/<name>."""
    changes = {}
    for section, keys in PATHS.items():
        own = getattr(config, section)
        paths = {key: getattr(own, key) for key in keys}
        private = {key: f"inputs/{Path(path).name}" for key, path in paths.items() if path and Path(path).is_absolute()}
        changes[section] = own.model_copy(update=private)
    return config.model_copy(update=changes)


def published_facts(saved: SavedRun, config: Config, *, name: str, licence: str) -> ModelFacts:
    """Returns what the model card says, without paths that say something about a machine.

    Args:
        config: as it is published.
    """
    from assemble.model_facts import model_facts

    run, shown = saved.folder.path, f"outputs/{saved.folder.path.resolve().name}"
    facts = model_facts(replace(saved, config=config), ROOT / saved.config.data.root, licence=licence)
    public = lambda command: command.replace(str(run), shown)
    training = replace(facts.training, command=public(facts.training.command))
    scores = facts.scores and replace(facts.scores, command=public(facts.scores.command))
    return replace(facts, name=name, training=training, scores=scores)


def read_scores(run: Path, items: Sequence[str] | None) -> dict[str, dict]:
    """Returns name → the content of a summary.json. Without `items` it is that of the run's validation part, if any."""
    if items is None:
        own = run / "val" / "summary.json"
        items = [f"validation part={own}"] if own.exists() else []
    found = {}
    for item in items:
        name, equals, path = item.partition("=")
        if not (name and equals and path):
            raise ConfigError(f"--scores {item!r}: the form is NAME=FILE, such as 'fold 0=outputs/x/val/summary.json'")
        try:
            found[name] = dict(json.loads(read_text(Path(path))))
        except (TypeError, ValueError) as error:
            raise DataError(f"{path}: not a summary.json of val.py ({error}); score the run again") from error
    return found


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); name a text file") from error


if __name__ == "__main__":
    sys.exit(run_script(main))
