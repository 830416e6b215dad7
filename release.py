"""Makes a ready model from a trained run: a small folder with the weights, for predict.py and model.weights.

python release.py --run outputs/nuclei --out pretrained/nuclei --licence CC0-1.0
python release.py --run outputs/nuclei --out pretrained/nuclei --licence CC0-1.0 \\
    --scores "fold 0=outputs/fold_0/val/summary.json" "fold 1=outputs/fold_1/val/summary.json" --notes scope.md
"""

from __future__ import annotations

import argparse
import json
import shlex
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
LARGE = 10_000_000  # bytes; a larger file does not belong into a repository


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Writes OUT/weights.pth, OUT/config.yaml and OUT/MODEL.md, and OUT/decode.yaml if the decoding of "
        "the run was tuned. predict.py --run OUT and model.weights=OUT take this folder."
    )
    parser.add_argument("--run", type=Path, required=True, help="run folder, such as outputs/nuclei")
    parser.add_argument("--out", type=Path, required=True, help="new folder, such as pretrained/nuclei")
    parser.add_argument("--licence", required=True, help="of the weights, such as CC0-1.0")
    scores_help = "more scores for the model card, such as those of folds: NAME=FILE, a summary.json of val.py"
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
    from engine.runs.ready_model import WEIGHTS, is_ready_model, write_ready_weights
    from engine.schema.config_file import dump_config
    from inference.cells.decode_file import NAME as DECODE
    from inference.model_card.card import model_card
    from saved_run import open_run
    from system.files import staged_folder, write_bytes, write_text

    saved = open_run(run, device="cpu")
    if is_ready_model(saved.folder.path):
        raise ConfigError(f"{run} is a ready model already; give the run that it was made of, or copy the folder")
    state, config = saved.folder.load("best"), without_private_paths(saved.config)
    shown = Path("pretrained") / out.resolve().name if out.is_absolute() else out
    facts = facts_of(saved, config, shown=shown, licence=licence)
    precision = "float16 (its convolutions)" if half else "float32"
    usage = (
        f"    python predict.py --run {shown} --input FOLDER_OF_IMAGES --out outputs/new\n\n"
        f"`{WEIGHTS}` holds {facts.training.parameters:,} parameters as {precision}."
    )
    card = model_card(facts, usage=usage, summaries=read_scores(scores or ()), notes=read_text(notes) if notes else "")
    with staged_folder(out) as folder:
        weights = write_ready_weights(folder, state | {"config": config.model_dump()}, half=half)
        write_text(folder / "config.yaml", dump_config(config))
        write_text(folder / "MODEL.md", card)
        if (tuned := saved.folder.path / DECODE).exists():
            write_bytes(folder / DECODE, tuned.read_bytes())
        open_run(folder, device="cpu")  # nothing is published that cannot be opened
        size, names = weights.stat().st_size, ", ".join(sorted(path.name for path in folder.iterdir()))
    print(f"wrote   {out}: {names}\nweights {facts.training.parameters:,} parameters, {precision}, {size / 1e6:.1f} MB")
    if not state.get("statistics"):
        print(f"lacks   statistics of its training images; python -m datasets.statistics --run {run} adds them before")
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


def facts_of(saved: SavedRun, config: Config, *, shown: Path, licence: str) -> ModelFacts:
    """Gathers what the model card says, without a path of this machine.

    Args:
        config: as it is published.
        shown: the folder of the ready model, as the card names it.
    """
    from assemble.model_facts import model_facts

    facts = model_facts(saved, ROOT, licence=licence)
    data, scores = replace(facts.data, folder=config.data.root), facts.scores
    if private := saved.config.data.split_file:
        data = replace(data, split=data.split.replace(private, config.data.split_file))
    training = replace(
        facts.training,
        recipe={**facts.training.recipe, "initial weights": config.model.weights or "random"},
        command=f"python train.py --config {shown / 'config.yaml'} name={shown.name}_again",
    )
    if scores is not None:
        words = [
            f"outputs/{Path(word).name}" if Path(word).is_absolute() else word for word in shlex.split(scores.command)
        ]
        scores = replace(scores, command=shlex.join(words))
    return replace(facts, name=shown.name, data=data, training=training, scores=scores)


def read_scores(items: Sequence[str]) -> dict[str, dict]:
    """Returns name → the content of a summary.json, for items of the form NAME=FILE."""
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
