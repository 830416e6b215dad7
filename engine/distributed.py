"""The processes ("ranks") that torchrun starts for one training, and what passes between them."""

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

from system.errors import INTERRUPTED, ConfigError, DivergedError, LostRankError, Stopped

if typing.TYPE_CHECKING:
    from torch import Tensor, nn

    from engine.device import Runtime
    from engine.progress import Counts, MeanLosses

T = TypeVar("T")


class Ranks:
    """The ranks of a training, of which this process is one. Alone, nothing here does anything or loads torch.

    A context: ranks after the first print nothing but errors of their own. Until `begin` a rank that fails says so at
    the others' next meeting, so that all end, with one message; later the others notice that it is gone.

    Attributes:
        rank: of this process, from 0; the first one alone owns the run folder.
        count: of all, on all machines.
        local: rank on this machine, the number of its GPU.
    """

    def __init__(self, rank: int = 0, count: int = 1, local: int = 0) -> None:
        self.rank, self.count, self.local = rank, count, local
        self._begun = False

    @classmethod
    def of_torchrun(cls) -> Ranks:
        """As torchrun says it in the environment; one process without it."""
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
                sys.stderr = _NoTerminal(sys.stderr.buffer, line_buffering=True)  # progress bars are for terminals
            import torch
            from torch import distributed

            on_cuda = torch.cuda.is_available()
            if on_cuda and self.local < torch.cuda.device_count():
                torch.cuda.set_device(self.local)
            # Gradients go the device's way; all else lies on the host and goes by gloo, without waiting for a device.
            distributed.init_process_group("cpu:gloo,cuda:nccl" if on_cuda else "gloo", **self._store())
        return self

    def _store(self) -> dict:
        """Where ranks find each other: torchrun's store, but apart from what earlier attempts have left in it.

        It outlives a restart, with the addresses of processes that are gone. On several machines the attempts are
        counted by each for itself; docs/scaling.md has the variable that gives them a new store.
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
        # A peer that is gone is a plain RuntimeError in gloo.
        lost = isinstance(error, distributed.DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error))
        if isinstance(error, Exception) and not lost and not self._begun:
            self.meet(error)
        if self.rank and (lost or isinstance(error, Stopped | DivergedError | KeyboardInterrupt)):
            # The first rank, or the one that is gone, reports it.
            fallback = INTERRUPTED if isinstance(error, KeyboardInterrupt) else LostRankError.exit_code
            raise SystemExit(getattr(error, "exit_code", fallback)) from error
        if lost:
            raise LostRankError(
                f"another of the {self.count} processes of this training has ended ({str(error).splitlines()[0]}); "
                "its own message, or torchrun's report, says why; --resume goes on"
            ) from error

    def check_settings(self, *, batch_size: int, accumulate: int, sync_batch_norm: bool, runtime: Runtime) -> None:
        """Raises ConfigError where so many ranks cannot train with these settings of the section `train`."""
        parts = self.count * accumulate
        if batch_size % parts:
            lower, upper = batch_size // parts * parts, -(-batch_size // parts) * parts
            raise ConfigError(
                f"train.batch_size is {batch_size}, of all {self.count} processes together; it has to be divisible by "
                f"processes × train.accumulate = {parts}, such as {' or '.join(str(n) for n in (lower, upper) if n)}"
            )
        if sync_batch_norm and not runtime.on_cuda:
            raise ConfigError(
                f"train.sync_batch_norm: true needs CUDA, this is {runtime}; set it to false: batch norm then uses the "
                "images of its own process"
            )
        if self.alone:
            return
        import torch

        if runtime.device.type == "mps":
            raise ConfigError(f"{self.count} processes, but an Apple GPU serves one; start train.py without torchrun")
        if runtime.on_cuda and self.local >= torch.cuda.device_count():
            raise ConfigError(
                f"process {self.local + 1} of this machine has no GPU of its own, there are "
                f"{torch.cuda.device_count()}; start torchrun with --nproc-per-node {torch.cuda.device_count()}"
            )

    def first(self, function: Callable[..., T], *arguments: object, **keywords: object) -> T:
        """What `function` returns on the first rank, which alone calls it: tensors and plain Python.

        All ranks get it, or end where it fails.
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
        """Waits for all ranks. Where some come with an error, the first of these tells it and all others end."""
        codes = self.gathered(None if error is None else getattr(error, "exit_code", 1))
        failed = [rank for rank, code in enumerate(codes) if code is not None]
        if failed and failed[0] != self.rank:
            raise SystemExit(codes[failed[0]])

    def begin(self, model: nn.Module, *, sync_batch_norm: bool = False) -> nn.Module:
        """The last meeting before the first step.

        Args:
            sync_batch_norm: over the images of all ranks; changes `model` in place, its state keeps its names.

        Returns:
            The network to train with, which shares the weights of `model`: its backward pass leaves the mean of all
            ranks' gradients.
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
        buffers = {"forward_sync_buffers" if renamed else "broadcast_buffers": False}  # `share_buffers` does it
        return wrapper(model, device_ids=on, gradient_as_bucket_view=True, **buffers)

    def gathered(self, value: T) -> list[T]:
        """The values of all ranks, in their order."""
        if self.alone:
            return [value]
        from torch import distributed

        values = [None] * self.count
        distributed.all_gather_object(values, value)
        return values

    def agree(self, stop: int | None, save: bool) -> tuple[int | None, bool]:
        """The same answer on all ranks, between two steps.

        Args:
            stop: number of the signal that this rank was sent.
            save: whether it is time to; the first rank decides.

        Returns:
            A signal that any rank was sent, and what the first one decided.
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
        """Whether `flag`, a bool scalar, is true on all ranks: the same, on its device, without waiting for that."""
        if self.alone:
            return flag
        from torch import distributed

        common = flag.float()
        distributed.all_reduce(common, distributed.ReduceOp.MIN)
        return common > 0

    def pool(self, losses: MeanLosses, counts: Counts) -> None:
        """Makes of both what all ranks have added, in the order of the ranks, on every rank."""
        if self.alone:
            return
        import torch

        from engine.progress import merged

        shares = self.gathered({"losses": losses.state_dict(), "counts": counts.state_dict()})
        losses.load_state_dict(merged(share["losses"] for share in shares), device=torch.device("cpu"))
        counts.load_state_dict(merged(share["counts"] for share in shares))

    def share_buffers(self, model: nn.Module) -> None:
        """Gives all ranks the first one's running statistics: the others' train nothing, and are kept nowhere."""
        if self.alone:
            return
        from torch import distributed

        for buffer in model.buffers():
            distributed.broadcast(buffer, src=0)

    def __str__(self) -> str:
        return "" if self.alone else f", on each of {self.count} processes"


ALONE = Ranks()


def unreduced(model: nn.Module, *, unless: bool) -> AbstractContextManager:
    """A context in which a backward pass leaves the gradients of a wrapped network on their rank."""
    return nullcontext() if unless or not hasattr(model, "no_sync") else model.no_sync()


class _NoTerminal(io.TextIOWrapper):
    """Standard error that says it is no terminal."""

    def isatty(self) -> bool:
        return False
