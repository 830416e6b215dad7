"""Trains a segmentation network with the settings of a configuration file.

python train.py --config configs/demo.yaml
python train.py data.root=inputs/my_images
python train.py --config configs/dsb2018_96.yaml model.name=UNet train.epochs=20
python train.py --config configs/dsb2018_96.yaml --resume
"""

from __future__ import annotations

import argparse
import typing
from functools import partial
from pathlib import Path

from engine.distributed import Ranks
from engine.runs.event_log import require_package
from engine.schema.config import Config
from engine.schema.config_file import dump_config, load_config
from engine.schema.overrides import parse_with_hints
from engine.schema.reference import reference
from system.errors import leave, run_script
from system.machine.process import settle_process
from system.signals import StopSignals
from system.yaml_file import read_yaml

if typing.TYPE_CHECKING:
    from engine.runs.run_folder import RunFolder

ROOT = Path(__file__).resolve().parent  # paths in a configuration are relative to it


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    description = "Trains a network; the run lands in outputs/<name>/."
    parser = argparse.ArgumentParser(description=description, epilog=reference(), formatter_class=raw)
    parser.add_argument("--config", type=Path, help="YAML file, such as configs/demo.yaml")
    overrides_help = "changes to the configuration, such as train.epochs=20; data.root=FOLDER alone is one, too"
    parser.add_argument("overrides", nargs="*", metavar="section.key=value", help=overrides_help)
    used = parser.add_mutually_exclusive_group()
    used.add_argument("--resume", action="store_true", help="continue a stopped run, or start it if there is none")
    used.add_argument("--fresh", action="store_true", help="move a run of the same name aside and start anew")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    arguments = parse_with_hints(parser)
    if arguments.config is None and not arguments.overrides:
        parser.error("give --config FILE, or data.root=FOLDER")
    with Ranks.of_torchrun() as ranks, StopSignals() as stop:
        fill = partial(filled, resume=arguments.resume)
        config = load_config(arguments.config, arguments.overrides, fill)
        require_package(config.train.log_to)
        # This import and those in train() load torch. Before that, --help and a wrong configuration have been answered.
        from engine.runs.run_folder import RunFolder

        with RunFolder(ROOT / "outputs" / config.name) as run:
            train(config, run, stop, ranks, resume=arguments.resume, fresh=arguments.fresh)


def filled(content: dict, *, resume: bool) -> dict:
    """Returns a configuration with what it leaves out: as in the run that is resumed, or chosen by the data."""
    from datasets.facts import measure_facts
    from engine.schema.defaults import completed, continued

    begun = ROOT / "outputs" / content["name"] / "config.yaml"
    if resume and begun.exists():
        return continued(content, read_yaml(begun))
    data = content["data"]
    truth, threshold = data.get("truth", "auto"), data.get("mask_threshold")
    facts = measure_facts(ROOT / data["root"], truth=truth, mask_threshold=threshold)
    content, choices = completed(content, facts, begun=start_of(content))
    print("\n".join(f"choose  {choice}" for choice in choices))
    return content


def start_of(content: dict) -> dict | None:
    """Returns the configuration in the folder `model.weights`; None if the weights are no folder, or there are none."""
    weights = (content.get("model") or {}).get("weights")
    path = ROOT / str(weights) / "config.yaml"
    begun = read_yaml(path) if weights is not None and path.is_file() else None
    return begun if isinstance(begun, dict) and isinstance(begun.get("model"), dict) else None


def train(
    config: Config, run: RunFolder, stop: StopSignals, ranks: Ranks, *, resume: bool = False, fresh: bool = False
) -> None:
    """Trains what `config` describes in the folder of `run`, or continues it, until it is done or a signal stops it."""
    import assemble
    from datasets.split import split_to_csv
    from engine.history import EXPLAINED
    from engine.loops import evaluate, train_epoch
    from engine.runs.bad_steps import BadSteps
    from engine.runs.checkpoints import Checkpoints
    from engine.runs.resume import restore
    from system.machine.crowding import Courtesy

    state = ranks.first(run.open, resume=resume, fresh=fresh)
    config = assemble.continued(config, state, ranks)
    runtime = assemble.runtime(config, ranks)
    data = assemble.training_data(config, ROOT, ranks, state=state)
    config = assemble.resolved(config, data, runtime, ranks)
    train_loader, val_loader = assemble.loaders(config, data, runtime, ranks)
    model = runtime.place(assemble.network(config, data, ROOT, resumed=state is not None))
    training = assemble.training(config, data, model, runtime, ranks, steps_per_epoch=len(train_loader))
    training.guard.on_bad_step = BadSteps(run.path / "diverged.pth", model, train_loader.ids_of, ranks)
    constants = assemble.constants(config, data)
    scoring_model = assemble.scoring_network(config, training.scored_model, training=True)
    logs = assemble.logs(config, data, run, scoring_model, runtime)
    checkpoints = Checkpoints(run, training, stop, logs, constants=constants, minutes=config.train.save_every_minutes)
    if state:
        restore(run, training, state, constants, root=config.data.root)
    stop.defer()
    ranks.first(run.start, config_yaml=dump_config(config), split_csv=split_to_csv(data.split))
    if not state:
        checkpoints.save()
    training.begin(sync_batch_norm=config.train.sync_batch_norm)
    print(f"run     {run.path}\n{EXPLAINED}", flush=True)

    epochs, patience = config.train.epochs, config.train.early_stopping
    with train_loader, assemble.memory_advice(config, ranks), Courtesy():
        while not training.history.is_over(epochs=epochs, patience=patience):
            losses = train_epoch(training, train_loader, after_step=checkpoints.after_step)
            counts, objects = data.task.counts(), assemble.object_scores(config, data, training.progress.epoch, ranks)
            val_losses = evaluate(
                scoring_model,
                val_loader,
                counts,
                criterion=training.criterion,
                runtime=runtime,
                decide=data.task.decide,
                objects=objects,
                on_logits=checkpoints.after_scoring_step,
                ranks=ranks,
            )
            training.end_epoch(losses, val_losses, counts, objects)
            print(training.history.line(epochs), flush=True)
            checkpoints.after_epoch()
    checkpoints.finish()
    if len(training.history.rows) < epochs:
        print(f"stop    {config.best} has not risen for {patience} epochs")
    history = training.history
    print(f"best    {history.described_best}, {run.where_best(epoch=history.best['epoch'])}")


if __name__ == "__main__":
    settle_process()  # before anything loads torch
    leave(run_script(main, save_memory="lower data.crop, data.size, model.filters or train.batch_size"))
