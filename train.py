"""Trains a segmentation network as a configuration says.

python train.py --config configs/demo.yaml
python train.py --config configs/dsb2018_96.yaml model.name=UNet train.epochs=20
python train.py --config configs/dsb2018_96.yaml --resume
"""

from __future__ import annotations

import argparse
import typing
from pathlib import Path

from engine.distributed import Ranks
from engine.loss_arguments import loss_arguments
from engine.schema.config import Config, arguments_of
from engine.schema.config_file import dump_config, load_config
from engine.schema.losses import target_of
from system.errors import ConfigError, leave, run_script
from system.signals import StopSignals

if typing.TYPE_CHECKING:
    from engine.runs.run_folder import RunFolder

ROOT = Path(__file__).resolve().parent  # paths in a configuration are relative to it


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains a network; the run lands in outputs/<name>/.")
    parser.add_argument("--config", type=Path, required=True, help="YAML file, such as configs/demo.yaml")
    parser.add_argument("overrides", nargs="*", metavar="section.key=value", help="changes to it: train.epochs=20")
    used = parser.add_mutually_exclusive_group()
    used.add_argument("--resume", action="store_true", help="go on with a stopped run; start it where none is")
    used.add_argument("--fresh", action="store_true", help="move a run of the same name aside and start anew")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    arguments = parser.parse_intermixed_args()
    with Ranks.of_torchrun() as ranks, StopSignals() as stop:
        config = load_config(arguments.config, arguments.overrides)
        # torch, as all that train() imports: --help and a wrong configuration are answered before it has loaded.
        from engine.runs.run_folder import RunFolder

        with RunFolder(ROOT / "outputs" / config.name) as run:
            train(config, run, stop, ranks, resume=arguments.resume, fresh=arguments.fresh)


def train(
    config: Config, run: RunFolder, stop: StopSignals, ranks: Ranks, *, resume: bool = False, fresh: bool = False
) -> None:
    """Trains what `config` describes in the folder of `run`, or goes on with it, until it is done or `stop` says so."""
    from datasets.balance import balanced_weights
    from datasets.fingerprint import fingerprint
    from datasets.loading.device_samples import keep_on_device
    from datasets.loading.loaders import scoring_loader, training_loader
    from datasets.prepare.synthetic import write_synthetic
    from datasets.split import split_to_csv
    from datasets.survey import load_training_data
    from engine.device import choose_runtime
    from engine.history import History
    from engine.loops import evaluate, train_epoch
    from engine.memory import memory_told
    from engine.optimisers import build_optimizer, build_schedule
    from engine.progress import EpochProgress
    from engine.runs.checkpoint_file import load_weights
    from engine.runs.checkpoints import Saver
    from engine.runs.resume import go_on, require_same_config
    from engine.training import Training
    from inference.masks import decision, threshold_of
    from inference.predictor import scoring_model
    from losses import DeepSupervisionLoss, build_loss
    from metrics import SegmentationCounts
    from models import build_model
    from system.seeding import seed_everything

    settings = config.train
    if state := ranks.first(run.open, resume=resume, fresh=fresh):
        config = require_same_config(state, config, ranks=ranks.count)
    runtime = choose_runtime(settings.device, settings.precision, deterministic=settings.deterministic)
    ranks.require(settings, runtime)
    print(f"device  {runtime}{ranks}")

    data_root = ROOT / config.data.root
    if data_root == ROOT / "inputs/demo" and ranks.first(lambda: not data_root.exists()):
        nuclei = ranks.first(write_synthetic, data_root)
        print(f"draw    the built-in data set, {nuclei} nuclei, into {config.data.root}")
    data = load_training_data(
        data_root,
        task=config.task,
        size=config.data.height_width,
        split_file=ROOT / config.data.split_file if config.data.split_file else None,
        **config.data.loading,
    )
    print(f"data    {config.data.root}: {data.description}; {len(data.train)} train, {len(data.val)} val")
    on_device = ranks.first(keep_on_device, config.data.on_device, data.train, config.data.window, runtime.device)
    config = config.settled(on_device=on_device)
    loading = {"pin_memory": runtime.on_cuda, **ranks.place}
    drawing = {"seed": config.seed, "device": runtime.device, **config.data.sampling}
    drawing |= settings.model_dump(include={"batch_size", "accumulate", "workers"})
    train_loader = training_loader(data.train, data.normalise, **drawing, **loading)
    print(f"load    {train_loader.description}")
    val_loader = scoring_loader(data.val, data.normalise, batch_size=settings.part_size(ranks.count), **loading)
    if (batch_size := train_loader.batch_sampler.batch_size) < settings.batch_size:
        print(f"batch   lowered from {settings.batch_size} to {batch_size}, all that an epoch has")

    seed_everything(config.seed)
    channels = {"num_classes": len(data.classes), "input_channels": data.reader.channels}
    model = build_model(config.model.name, **channels, **arguments_of(config.model))
    if config.model.weights and state is None:
        left_out = load_weights(model, ROOT / config.model.weights)
        print(f"weights {config.model.weights}; left out for another class count: {', '.join(left_out) or 'none'}")
    scored = scoring_model(runtime.place(model), config)
    if problem := config.loss.why_unfit(target_of(config.task), channels=len(data.classes)):
        raise ConfigError(problem)
    weight = balanced_weights(data.pixels[part], data.classes) if (part := config.loss.balanced_part) else None
    loss = build_loss(config.loss.name, **loss_arguments(config.loss, void=data.has_void, weight=weight))
    criterion = DeepSupervisionLoss(loss)
    optimizer = build_optimizer(config.optimizer.name, model.parameters(), **arguments_of(config.optimizer))
    steps = {"epochs": settings.epochs, "steps_per_epoch": len(train_loader)}
    schedule = build_schedule(config.scheduler.name, optimizer, **steps, **arguments_of(config.scheduler))
    print(f"model   {config.model.name} with {sum(p.numel() for p in model.parameters()):,} parameters")

    decide, counting = decision(threshold_of(config.task)), {"background": config.task == "multiclass"}
    history, progress = History(), EpochProgress(SegmentationCounts(**counting))
    training = Training(model, optimizer, schedule, history, progress, runtime, ranks)
    facts = {
        "config": config.model_dump(),
        "classes": list(data.classes),
        "reader": data.reader.to_dict(),
        "normalisation": data.normalise.to_dict(),
        "data": fingerprint(data_root, data.split, data.train, data.val),
    }
    watching = {"loader": train_loader, "criterion": criterion, "minutes": settings.save_every_minutes}
    saver = Saver(run, training, stop, facts=facts, **watching)
    if state:
        go_on(run, training, state, facts, root=config.data.root)
    stop.defer()
    ranks.first(run.start, config_yaml=dump_config(config), split_csv=split_to_csv(data.split))
    if not state:
        saver.save()
    network = ranks.begin(model, sync_batch_norm=settings.sync_batch_norm)
    print(f"run     {run.path}", flush=True)

    side_key = "data.size" if config.data.size else "data.crop"
    with train_loader, memory_told(settings, ranks=ranks.count, side_key=side_key):
        while not history.is_over(epochs=settings.epochs, patience=settings.early_stopping):
            progress, val_counts = training.progress, SegmentationCounts(data.classes, **counting)
            train_loader.start(epoch=history.start_epoch(), done=progress.steps)
            stepping = {"seed": config.seed, "clip_norm": settings.clip_norm, "decide": decide, "ranks": ranks}
            stepping |= {"guard": saver.guard, "after_step": saver.after_step, "scaling": training.scaling}
            stepping["share_of"] = train_loader.share_of
            losses = train_epoch(network, train_loader, criterion, optimizer, progress, runtime=runtime, **stepping)
            seen = progress.losses.images - progress.images_before
            history.end_training(images=seen, waited=progress.seconds_waited)
            scoring = {"decide": decide, "on_logits": saver.after_scoring_step, "ranks": ranks}
            val_losses = evaluate(scored, val_loader, criterion, val_counts, runtime=runtime, **scoring)
            schedule.after_epoch(val_losses["loss"])
            scores, val_scores = (counts.compute().columns() for counts in (progress.counts, val_counts))
            history.add(schedule.lr, losses, scores, val_losses, val_scores)
            training.progress = EpochProgress(SegmentationCounts(**counting), epoch=len(history.rows) + 1)
            print(history.line(settings.epochs), flush=True)
            saver.after_epoch()
    if len(history.rows) < settings.epochs:
        print(f"stop    val_iou has not risen for {settings.early_stopping} epochs")
    print(f"best    val_iou {history.best['val_iou']:.4f}, epoch {history.best['epoch']}, {run.path / 'best.pth'}")


if __name__ == "__main__":
    leave(run_script(main))
