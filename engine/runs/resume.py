"""What has to agree before a run may go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from engine.runs.run_folder import RunFolder
from engine.schema.config import Config
from engine.training import Training, machine
from system.errors import CheckpointError, ConfigError, DataError

# Keys that change neither what is computed nor in which order.
FREE = {"train.workers", "train.device", "train.save_every_minutes"}


def require_same_config(state: Mapping, config: Config, *, ranks: int = 1) -> Config:
    """Compares the configuration of a checkpoint with the one that is to go on; train.epochs may grow.

    Processes and train.accumulate may change against each other: batches then go through the network in parts of the
    same images, whatever process has them.

    Returns:
        `config`, where data.on_device: auto has become what it was when the run began: another device draws alike.

    Raises:
        ConfigError: anything else differs; the message shows each key with both values.
        CheckpointError: the checkpoint's configuration is none of this version.
    """
    try:
        begun = Config.model_validate(state["config"])
    except ValidationError as error:
        raise CheckpointError(f"the run was configured for another version of this project: {error}") from error
    on_device = begun.data.on_device is True  # a run from before there was this key: no
    if config.data.on_device == "auto":
        config = config.settled(on_device=on_device)
    begun = begun.settled(on_device=on_device)
    before, now = (dict(_flat(each.model_dump())) for each in (begun, config))
    before["processes"], now["processes"] = state["machine"].get("processes", 1), ranks  # no key, but it counts as one
    parts = [keys["processes"] * keys["train.accumulate"] for keys in (before, now)]
    free = FREE | {"train.epochs"} if now["train.epochs"] > before["train.epochs"] else FREE
    if parts[0] == parts[1] and not now["train.sync_batch_norm"]:
        free = free | {"processes", "train.accumulate"}
    changed = [key for key in sorted(before | now) if before.get(key) != now.get(key) and key not in free]
    if changed:
        lines = [f"  {key}: {before.get(key)!r} → {now.get(key)!r}" for key in changed]
        raise ConfigError(
            "--resume goes on with the configuration that the run began with; these keys differ\n"
            + "\n".join(lines)
            + f"\n  train.epochs may grow, {', '.join(sorted(FREE))} may change, and so may processes and "
            "train.accumulate with the same product; otherwise give name=… or --fresh"
        )
    return config


def go_on(run: RunFolder, training: Training, state: Mapping, facts: Mapping, *, root: str) -> None:
    """Brings `training` and the run's other files to a checkpoint's state, and says so.

    Args:
        facts: of the present start: its `config` and the digest of its `data`.
        root: of the data, as the configuration says it.

    Raises:
        DataError: the data are not those that the run began with.
    """
    if state["data"] != facts["data"]:
        raise DataError(
            f"{root}: names, sizes or the split of its files differ from those that the run began with; "
            "put them back, or train anew with --fresh or name=…"
        )
    epochs = [config["train"]["epochs"] for config in (state["config"], facts["config"])]
    training.load_state_dict(state, epochs_changed=epochs[0] != epochs[1])
    if training.ranks.is_first:
        run.rewrite_derived(state)
    steps = f" and {training.progress.steps} steps" if training.progress.steps else ""
    print(f"resume  after epoch {state['epoch']}{steps}, with {state['machine']['threads']} CPU threads")
    if epochs[0] != epochs[1]:
        curve = "; lr goes on along the longer schedule's curve" if training.schedule.spans_all_epochs else ""
        print(f"epochs  {epochs[0]} → {epochs[1]}{curve}")
    now = machine(training.runtime, training.ranks)
    if other := [f"{key} {value} → {now[key]}" for key, value in state["machine"].items() if value != now.get(key)]:
        print(f"machine {', '.join(other)}: the last bits may differ from those of a run that was never stopped")


def _flat(section: Mapping, prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
