"""Trains a segmentation network as a configuration says.

python train.py --config configs/demo.yaml
python train.py --config configs/dsb2018_96.yaml model.name=UNet train.epochs=20
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from engine.config import Config, arguments_of
from engine.config_file import dump_config, load_config
from engine.errors import ConfigError, run_script
from engine.loss_arguments import loss_arguments

ROOT = Path(__file__).resolve().parent  # paths in a configuration are relative to it


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains a network; the run lands in outputs/<name>/.")
    parser.add_argument("--config", type=Path, required=True, help="YAML file, such as configs/demo.yaml")
    parser.add_argument("overrides", nargs="*", metavar="section.key=value", help="changes to it: train.epochs=20")
    parser.add_argument("--fresh", action="store_true", help="move a run of the same name aside and start anew")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    arguments = parser.parse_intermixed_args()
    train(load_config(arguments.config, arguments.overrides), fresh=arguments.fresh)


def train(config: Config, *, fresh: bool = False) -> Path:
    """Trains what `config` describes and returns its run folder, outputs/<name>."""
    # Imported here, so that --help and a wrong configuration are answered before torch has loaded.
    from datasets.balance import balanced_weights
    from datasets.loaders import scoring_loader, training_loader
    from datasets.split import split_to_csv
    from datasets.survey import load_training_data
    from datasets.synthetic import write_synthetic
    from engine.checkpoint import load_weights
    from engine.device import choose_runtime
    from engine.history import History
    from engine.loops import evaluate, train_epoch
    from engine.optimisers import build_optimizer, build_schedule
    from engine.run_folder import RunFolder
    from engine.seeding import seed_everything
    from inference.masks import decision, threshold_of
    from inference.predictor import scoring_model
    from losses import DeepSupervisionLoss, build_loss
    from metrics import SegmentationCounts
    from models import build_model

    settings = config.train
    run = RunFolder(ROOT / "outputs" / config.name)
    if not fresh:
        run.require_unused()
    runtime = choose_runtime(settings.device, settings.precision)
    print(f"device  {runtime}")

    data_root = ROOT / config.data.root
    if data_root == ROOT / "inputs/demo" and not data_root.exists():
        print(f"draw    the built-in data set, {write_synthetic(data_root)} nuclei, into {config.data.root}")
    data = load_training_data(
        data_root,
        task=config.task,
        size=config.data.height_width,
        split_file=ROOT / config.data.split_file if config.data.split_file else None,
        **config.data.loading,
    )
    print(f"data    {config.data.root}: {data.description}; {len(data.train)} train, {len(data.val)} val")
    loading = {"batch_size": settings.batch_size, "pin_memory": runtime.on_cuda}
    train_loader = training_loader(
        data.train, data.normalise, seed=config.seed, workers=settings.workers, **config.data.sampling, **loading
    )
    val_loader = scoring_loader(data.val, data.normalise, **loading)
    if (batch_size := train_loader.batch_sampler.batch_size) < settings.batch_size:
        print(f"batch   lowered from {settings.batch_size} to {batch_size}, all that an epoch has")

    seed_everything(config.seed)
    channels = {"num_classes": len(data.classes), "input_channels": data.reader.channels}
    model = build_model(config.model.name, **channels, **arguments_of(config.model))
    if config.model.weights:
        left_out = load_weights(model, ROOT / config.model.weights)
        print(f"weights {config.model.weights}; left out for another class count: {', '.join(left_out) or 'none'}")
    scored = scoring_model(runtime.place(model), config)
    if problem := config.loss.misfit(config.task, channels=len(data.classes)):
        raise ConfigError(problem)
    weight = balanced_weights(data.pixels[part], data.classes) if (part := config.loss.balanced_part) else None
    loss = build_loss(config.loss.name, **loss_arguments(config.loss, void=data.has_void, weight=weight))
    criterion = DeepSupervisionLoss(loss)
    optimizer = build_optimizer(config.optimizer.name, model.parameters(), **arguments_of(config.optimizer))
    steps = {"epochs": settings.epochs, "steps_per_epoch": len(train_loader)}
    schedule = build_schedule(config.scheduler.name, optimizer, **steps, **arguments_of(config.scheduler))
    print(f"model   {config.model.name} with {sum(p.numel() for p in model.parameters()):,} parameters")

    if moved := run.move_aside():
        print(f"moved   the earlier run to {moved}")
    run.start(config_yaml=dump_config(config), split_csv=split_to_csv(data.split))
    print(f"run     {run.path}", flush=True)

    decide, counting = decision(threshold_of(config.task)), {"background": config.task == "multiclass"}
    history = History()
    for _ in range(settings.epochs):
        train_loader.batch_sampler.epoch = history.start_epoch()
        counts, val_counts = SegmentationCounts(**counting), SegmentationCounts(data.classes, **counting)
        stepping = {"clip_norm": settings.clip_norm, "after_step": schedule.after_step, "decide": decide}
        losses = train_epoch(model, train_loader, criterion, optimizer, counts, runtime=runtime, **stepping)
        history.end_training(images=len(train_loader.dataset))
        val_losses = evaluate(scored, val_loader, criterion, val_counts, runtime=runtime, decide=decide)
        schedule.after_epoch(val_losses["loss"])
        history.add(schedule.lr, losses, counts.compute().columns(), val_losses, val_counts.compute().columns())
        run.save_epoch(
            history,
            config=config.model_dump(),
            classes=list(data.classes),
            reader=data.reader.to_dict(),
            normalisation=data.normalise.to_dict(),
            model=model.state_dict(),
            optimizer=optimizer.state_dict(),
            scheduler=schedule.state_dict(),
        )
        print(history.line(settings.epochs), flush=True)
        if settings.early_stopping and history.epochs_since_best >= settings.early_stopping:
            print(f"stop    val_iou has not risen for {settings.early_stopping} epochs")
            break
    print(f"best    val_iou {history.best['val_iou']:.4f}, epoch {history.best['epoch']}, {run.path / 'best.pth'}")
    return run.path


if __name__ == "__main__":
    sys.exit(run_script(main))
