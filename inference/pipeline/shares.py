"""Several processes predict one folder together. They exchange nothing but files, so that none waits for another."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from engine.distributed import Ranks
from images.image_reader import ImageFile
from inference.files.outputs import PredictionFolder
from system.files import write_text
from system.machine.cores import usable_cores


def share_of(images: Sequence[ImageFile], ranks: Ranks) -> list[ImageFile]:
    """Returns the images of this process, in their order. Every image belongs to exactly one process.

    The images are shuffled first, and every n-th of them is taken. Torchrun's run id is the seed, so that all processes
    agree, and so that a repeated command shares out anew what a lost process has left. What is done already must not
    matter: the processes do not start at the same moment, and see different results in the folder.
    """
    if ranks.alone:
        return list(images)
    seed = [os.environ.get(name, "") for name in ("TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT")]
    shuffled = random.Random(" ".join(seed)).sample(sorted(images), len(images))
    return sorted(shuffled[ranks.rank :: ranks.count])


def own_cores(ranks: Ranks) -> int:
    """Returns how many cores this process should use: its share, if torchrun started several on this machine."""
    beside = 1 if ranks.alone else int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, usable_cores() // beside)


def use_own_device(ranks: Ranks) -> None:
    """Lets a process among several compute on a GPU of its own, or on its own cores. More processes share the GPUs."""
    if ranks.alone:
        return
    import torch

    torch.set_num_threads(own_cores(ranks))
    if torch.cuda.is_available():
        torch.cuda.set_device(ranks.local % torch.cuda.device_count())


class Share:
    """The images that this process predicts, all if it is alone.

    Torchrun ends all processes as soon as one of them fails. So a process notes its failures below OUT/failed, and ends
    as if there were none. The process that ends last sees all notes, and fails for all.

    Args:
        is_finished: whether nothing is left to do for the image of an id; by default whether it is predicted.

    Attributes:
        images: those of this process.
        missing: those of them that have no results yet.
    """

    def __init__(
        self,
        images: Sequence[ImageFile],
        folder: PredictionFolder,
        ranks: Ranks,
        *,
        is_finished: Callable[[str], bool] | None = None,
    ) -> None:
        self._all, self._folder, self._ranks = images, folder, ranks
        self._is_finished = is_finished or folder.is_done
        self.images = share_of(images, ranks)
        self.missing = [image for image in self.images if not folder.is_done(image.id)]
        self._remove_notes(self.images)

    def __str__(self) -> str:
        others = "" if self._ranks.alone else f" of {len(self._all)} for the first of {self._ranks.count} processes"
        return f"{len(self.images)}{others}, of which {len(self.images) - len(self.missing)} are done already"

    def failures_of_all(self, failures: Mapping[ImageFile, str]) -> dict[ImageFile, str] | None:
        """Returns the failures of all processes; None if another process has not ended yet, and will report them.

        Args:
            failures: those of this process: image → why it cannot be used.
        """
        if self._ranks.alone:
            return dict(failures)
        for image, reason in failures.items():
            write_text(self._note(image), reason)
        unfinished = [image for image in self._all if not self._is_finished(image.id)]
        noted = {}
        for image in unfinished:
            try:
                noted[image] = self._note(image).read_text(encoding="utf-8")
            except FileNotFoundError:  # its process has not ended; or another one has taken all notes, and reports them
                return None
        self._remove_notes(noted)
        return noted

    def _note(self, image: ImageFile) -> Path:
        return self._folder.path / "failed" / f"{image.id}.txt"

    def _remove_notes(self, images: Iterable[ImageFile]) -> None:
        if not self._ranks.alone:
            for image in images:
                self._note(image).unlink(missing_ok=True)
