"""Finds, without a GPU, where a host would wait for one. It uses the device "meta", which has shapes but no numbers.

An operation that asks such a tensor for a number (`.item()`, `if tensor`, a boolean mask as index, `nonzero`, `unique`,
`.cpu()`) raises an error, because there is no number. An operation that copies numbers of the host to the device waits
too, unless the memory is pinned and `non_blocking=True` is given; `HostCopies` finds these.
"""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from engine.device import Runtime

META = torch.device("meta")
aten = torch.ops.aten


class MetaRuntime(Runtime):
    """A device without numbers. It has no autocast; this is no loss, because autocast copies nothing from the host."""

    def autocast(self) -> AbstractContextManager:
        return nullcontext()


class HostCopies(TorchDispatchMode):
    """A context that lists the operators by which numbers of the host come to the device.

    Attributes:
        found: the names of these operators.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        made = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        of_host = [tensor for tensor in given if tensor.device != META]
        if func in (aten._to_copy.default, aten.copy_.default):
            waits = of_host and not (kwargs or {}).get("non_blocking", any(value is True for value in args[2:]))
        elif func is aten.lift_fresh.default:  # of torch.tensor, new_tensor, and a list as index
            waits = True
        else:
            waits = any(tensor.ndim for tensor in of_host)  # a scalar is an argument of the kernel
        if waits and any(tensor.device == META for tensor in given + made):
            self.found.append(str(func))
        return result
