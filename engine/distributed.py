"""The processes ("ranks") that torchrun starts for one training, and what they exchange."""

from __future__ import annotations

import inspect
import io
import os
import sys
import typing
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from system.errors import INTERRUPTED, DivergedError, LostRankError, Stopped, first_line

if typing.TYPE_CHECKING:
    from torch import Tensor, nn

    from engine.progress import MeanLosses, Pooled

T = TypeVar("T")


class Ranks:
    """The ranks of a training; this process is one of them. With a single rank nothing here acts or loads torch.

    This is a context: inside it, ranks after the first print nothing but their own errors. A rank that fails before
    `begin` reports this when the ranks next meet, so that all of them end, with one message. After `begin` the other
    ranks notice that a rank is gone.

    Attributes:
        rank: number of this process, from 0. Only the first rank owns the run folder.
        count: number of ranks on all machines.
        local: number of this process on its machine, which is also the number of its GPU.
    """

    def __init__(self, rank: int = 0, count: int = 1, local: int = 0) -> None:
        self.rank, self.count, self.local = rank, count, local
        self._begun = False

    @classmethod
    def of_torchrun(cls) -> Ranks:
        """Reads the ranks from the environment variables that torchrun sets; without them there is one process."""
        values = [os.environ.get(name, "") for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")]
        return cls(*map(int, values)) if all(map(str.isdecimal, values)) else cls()

    @property
    def alone(self) -> bool:
        return self.count == 1

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def __enter__(self) -> Ranks:
        if not self.alone:
            if self.rank:
                sys.stdout = Path(os.devnull).open("w", encoding="utf-8")
                sys.stderr = _NoTerminal(sys.stderr.buffer, line_buffering=True)  # so that no progress bar is drawn
            import torch
            from torch import distributed

            on_cuda = torch.cuda.is_available()
            if on_cuda and self.local < torch.cuda.device_count():
                torch.cuda.set_device(self.local)
            # NCCL exchanges the gradients on CUDA. Everything else is on the host and goes through gloo, so that it
            # does not wait for a device.
            distributed.init_process_group("cpu:gloo,cuda:nccl" if on_cuda else "gloo", **self._store())
        return self

    def _store(self) -> dict:
        """Returns the arguments that say where the ranks find each other.

        torchrun's store survives a restart, and still holds the addresses of processes that are gone. So each attempt
        uses keys of its own in it. On several machines each machine counts its own attempts, so this does not work
        there; docs/scaling.md names the variable that gives them a new store.
        """
        on_one_machine = os.environ.get("LOCAL_WORLD_SIZE") == str(self.count)
        if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True" or not on_one_machine:
            return {}
        from torch import distributed

        store = distributed.TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False)
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        return {
            "store": distributed.PrefixStore(f"attempt {attempt}", store),
            "rank": self.rank,
            "world_size": self.count,
        }

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.alone:
            return
        from torch import distributed

        if error is None:
            distributed.destroy_process_group()
            return
        # gloo raises a plain RuntimeError if another process is gone.
        lost = isinstance(error, distributed.DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error))
        if isinstance(error, Exception) and not lost and not self._begun:
            self.meet(error)
        if self.rank and (lost or isinstance(error, Stopped | DivergedError | KeyboardInterrupt)):
            # The first rank reports the error, or the rank that is gone has reported it.
            fallback = INTERRUPTED if isinstance(error, KeyboardInterrupt) else LostRankError.exit_code
            raise SystemExit(getattr(error, "exit_code", fallback)) from error
        if lost:
            raise LostRankError(
                f"another of the {self.count} processes of this training has ended ({first_line(error)}); "
                "its own message, or torchrun's report, says why; --resume goes on"
            ) from error

    def first(self, function: Callable[..., T], *arguments: object, **keywords: object) -> T:
        """Calls `function` on the first rank only, and returns its result, tensors and plain Python, on all ranks.

        If the call fails, all ranks end.
        """
        result = function(*arguments, **keywords) if self.is_first else None
        if self.alone:
            return result
        from torch import distributed

        self.meet()
        box = [result]
        distributed.broadcast_object_list(box, src=0)
        return box[0]

    def meet(self, error: Exception | None = None) -> None:
        """Waits for all ranks. If ranks bring an error, the first of these ranks reports its own and the others end."""
        codes = self.gathered(None if error is None else getattr(error, "exit_code", 1))
        failed = [rank for rank, code in enumerate(codes) if code is not None]
        if failed and failed[0] != self.rank:
            raise SystemExit(codes[failed[0]])

    def begin(self, model: nn.Module, *, sync_batch_norm: bool = False) -> nn.Module:
        """Waits for all ranks a last time before the first step.

        Args:
            sync_batch_norm: batch norm uses the images of all ranks. This changes `model` in place; the names in its
                state dict stay the same.

        Returns:
            The network to train with. It shares the weights of `model`; its backward pass computes the mean of the
            gradients of all ranks.
        """
        if self.alone:
            return model
        from torch import nn

        self.meet()
        self._begun = True
        if sync_batch_norm:
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
        device = next(model.parameters()).device
        on = [device.index] if device.type == "cuda" else None
        wrapper = nn.parallel.DistributedDataParallel
        renamed = "forward_sync_buffers" in inspect.signature(wrapper).parameters
        buffers = {"forward_sync_buffers" if renamed else "broadcast_buffers": False}  # `share_buffers` does this
        return wrapper(model, device_ids=on, gradient_as_bucket_view=True, **buffers)

    def gathered(self, value: T) -> list[T]:
        """Returns the values of all ranks, in the order of the ranks."""
        if self.alone:
            return [value]
        from torch import distributed

        values = [None] * self.count
        distributed.all_gather_object(values, value)
        return values

    def agree(self, stop: int | None, save: bool) -> tuple[int | None, bool]:
        """Agrees between two steps whether all ranks stop and whether they save.

        Args:
            stop: number of the signal that this rank received; None if it received none.
            save: whether it is time to save; only the value of the first rank counts.

        Returns:
            The number of a signal that any rank received, or None; and the first rank's `save`. Both are the same on
            all ranks.
        """
        if self.alone:
            return stop, save
        import torch
        from torch import distributed

        wishes = torch.tensor([stop or 0, int(save and self.is_first)])
        distributed.all_reduce(wishes, distributed.ReduceOp.MAX)
        stop, save = wishes.tolist()
        return stop or None, bool(save)

    def everywhere(self, flag: Tensor) -> Tensor:
        """Returns whether `flag` is true on all ranks, a bool scalar on its device. It does not wait for the device."""
        if self.alone:
            return flag
        from torch import distributed

        common = flag.float()
        distributed.all_reduce(common, distributed.ReduceOp.MIN)
        return common > 0

    def pool(self, losses: MeanLosses, *counts: Pooled) -> None:
        """Gives `losses` and `counts` on every rank what all ranks have added, in the order of the ranks."""
        if self.alone:
            return
        import torch

        from engine.progress import merged

        shares = self.gathered([one.state_dict() for one in (losses, *counts)])
        pooled = [merged(states) for states in zip(*shares, strict=True)]
        losses.load_state_dict(pooled[0], device=torch.device("cpu"))
        for one, state in zip(counts, pooled[1:], strict=True):
            one.load_state_dict(state)

    def share_buffers(self, model: nn.Module) -> None:
        """Copies the running statistics of the first rank to all ranks.

        Training does not use those of the other ranks, and no checkpoint stores them.
        """
        if self.alone:
            return
        from torch import distributed

        for buffer in model.buffers():
            distributed.broadcast(buffer, src=0)

    def __str__(self) -> str:
        return "" if self.alone else f", on each of {self.count} processes"


ALONE = Ranks()


def unreduced(model: nn.Module, *, unless: bool) -> AbstractContextManager:
    """Returns a context in which a backward pass does not average the gradients of a wrapped network over the ranks.

    With `unless` the context changes nothing.
    """
    return nullcontext() if unless or not hasattr(model, "no_sync") else model.no_sync()


class _NoTerminal(io.TextIOWrapper):
    """A standard error stream which says that it is not a terminal."""

    def isatty(self) -> bool:
        return False
