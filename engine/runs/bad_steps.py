"""`diverged.pth` records a step whose loss or gradient is not finite, so that the step can be replayed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from torch import nn

from engine.distributed import ALONE, Ranks
from engine.divergence import WatchedStep
from engine.runs.checkpoint_file import save_checkpoint
from system.errors import DivergedError


class BadSteps:
    """Writes the batch of a bad step to a file and raises DivergedError. An `UpdateGuard` calls it.

    Args:
        path: the file to write.
        model: the network; the bad step has not changed its weights.
        ids_of: number of a step in its epoch, from 0 → the ids of the images in its batch.
    """

    def __init__(
        self, path: Path, model: nn.Module, ids_of: Callable[[int], Sequence[str]], ranks: Ranks = ALONE
    ) -> None:
        self.path, self.model, self.ids_of, self.ranks = path, model, ids_of, ranks

    def __call__(self, bad: WatchedStep) -> None:
        # All ranks have the same gradient, and in fp16 the same flag. So all of them come here in the same step.
        found = self.ranks.gathered((bad if self.ranks.alone else bad.on_host(), self.ids_of(bad.step)))
        bad, ids = next((one for one in found if not one[0].loss.isfinite()), found[0])
        if not self.ranks.is_first:
            raise DivergedError(f"step {bad.step + 1}: the loss is {bad.loss.item()}")  # the first rank reports it
        loss, norm = bad.loss.item(), bad.gradient_norm.item()
        terms = {name: value.item() for name, value in bad.terms.items()}
        state = {
            "epoch": bad.epoch,
            "step": bad.step + 1,
            "ids": list(ids),
            "lr": bad.lr,
            "loss": loss,
            "gradient_norm": norm,
            "parts": terms,
            "images": bad.images.cpu(),
            "target": bad.target.cpu(),
            "model": self.model.state_dict(),
        }
        save_checkpoint(self.path, state)
        named = ", ".join(f"{name} {value:g}" for name, value in terms.items())
        what = f"the training loss is {loss:g}" if not bad.loss.isfinite() else f"the gradient's norm is {norm:g}"
        raise DivergedError(
            f"{what} in step {bad.step + 1} of epoch {bad.epoch} (loss {loss:g}{', ' + named if named else ''}, "
            f"lr {bad.lr:.3g}), on the images {', '.join(ids)}. The weights were not updated; last.pth is the last "
            f"good state, and {self.path} holds the batch (docs/reliability.md replays it). "
            "To train anew (--fresh), lower optimizer.lr, set train.clip_norm (such as 1.0), or use precision fp32"
        )
