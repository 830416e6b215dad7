"""Before a run continues, its configuration and its data must be those that it began with. Then it is restored."""

from __future__ import annotations

from collections.abc import Mapping

from engine.runs.checkpoint_file import incomplete
from engine.runs.run_folder import RunFolder
from engine.training import Training, machine
from system.errors import ConfigError, DataError, is_out_of_memory
from system.nested import flat

# These keys change neither what is computed nor the order in which it is computed.
FREE = {"data.cache", "train.workers", "train.device", "train.save_every_minutes", "train.log_to"}


def require_same_config(begun: Mapping, config: Mapping, *, processes: tuple[int, int]) -> None:
    """Compares the configuration that a run began with to the one that is to continue it. train.epochs may grow.

    The number of processes and train.accumulate may both change if their product stays the same: the network then gets
    micro-batches of the same images, only in other processes.

    Args:
        begun, config: complete configurations, as nested dictionaries.
        processes: the number of processes that the run had, and the number that there are now.

    Raises:
        ConfigError: something else differs. The message shows each key with both values.
    """
    before, now = flat(begun), flat(config)
    before["processes"], now["processes"] = processes  # this is no key of a configuration, but it counts as one
    products = [keys["processes"] * keys["train.accumulate"] for keys in (before, now)]
    free = FREE | {"train.epochs"} if now["train.epochs"] > before["train.epochs"] else FREE
    if products[0] == products[1] and not now["train.sync_batch_norm"]:
        free = free | {"processes", "train.accumulate"}
    changed = [key for key in sorted(before | now) if before.get(key) != now.get(key) and key not in free]
    if changed:
        lines = [f"  {key}: {before.get(key)!r} → {now.get(key)!r}" for key in changed]
        raise ConfigError(
            "--resume continues with the configuration that the run began with; these keys differ\n"
            + "\n".join(lines)
            + f"\n  train.epochs may grow, {', '.join(sorted(FREE))} may change, and so may processes and "
            "train.accumulate if their product stays the same; otherwise give name=… or --fresh"
        )


def restore(run: RunFolder, training: Training, state: Mapping, constants: Mapping, *, root: str) -> None:
    """Brings `training` and the other files of the run to the state of a checkpoint, and prints this.

    Args:
        constants: the unchanging keys of this start's checkpoints. Of these its `config`, its `classes`, its `truth`
            and the digest of its `data` are used.
        root: the data folder, as the configuration names it.

    Raises:
        CheckpointError: a part of the checkpoint is not what a training needs.
        DataError: the data are not those that the run began with.
    """
    if state["data"] != constants["data"]:
        raise DataError(
            f"{root}: names, sizes or the split of its files differ from those that the run began with; "
            "put them back, or train anew with --fresh or name=…"
        )
    require_same_truth(state, constants, root=root)
    epochs = [config["train"]["epochs"] for config in (state["config"], constants["config"])]
    try:
        training.load_state_dict(state, epochs_changed=epochs[0] != epochs[1])
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        if is_out_of_memory(error):
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise incomplete(run.path / "last.pth", reason) from error
    if training.ranks.is_first:
        run.rewrite_derived(training.history, state)
    steps = f" and {training.progress.steps} steps" if training.progress.steps else ""
    print(f"resume  after epoch {state['epoch']}{steps}, with {state['machine']['threads']} CPU threads")
    if epochs[0] != epochs[1]:
        curve = "; lr continues along the longer schedule's curve" if training.schedule.spans_all_epochs else ""
        print(f"epochs  {epochs[0]} → {epochs[1]}{curve}")
    now = machine(training.runtime, training.ranks)
    if other := [f"{key} {value} → {now[key]}" for key, value in state["machine"].items() if value != now.get(key)]:
        print(f"machine {', '.join(other)}: the last bits may differ from those of a run that was never stopped")


def require_same_truth(begun: Mapping, now: Mapping, *, root: str) -> None:
    """Compares the classes, and the palette and the void value of class maps, with those that a run began with.

    Args:
        begun, now: the unchanging keys of two checkpoints. Older ones have no palette and no void value to compare.

    Raises:
        DataError: one differs. The message shows both values.
    """
    old, new = ({"classes": ", ".join(one["classes"]), **one.get("truth", {})} for one in (begun, now))
    changed = [f"  {key}: {old[key]} → {new[key]}" for key in old if old[key] != new.get(key)]
    if changed:
        raise DataError(
            f"{root}: the training cannot go on with another truth than it began with\n"
            + "\n".join(changed)
            + "\n  put dataset.yaml back, or train anew with --fresh or name=…"
        )
