"""The set that training and scoring read from: windows of samples, changed at random, as tensors."""

from __future__ import annotations

from torch import Tensor
from torch.utils.data import Dataset

from datasets.augment import Augmentation
from datasets.crop import magnified_window, random_crop
from datasets.loading.shares import Shares
from datasets.samples import Samples
from images.normalise import Normalisation
from images.resize import resize_image
from system.seeding import sample_seed


class TrainingSet(Dataset):
    """(epoch, index) → augmented, normalised image [C, H, W] float32 and target (see `Task.to_tensor`).

    With `crop` = (height, width), each image counts `crops_per_image` times, each time with another window of it; or
    as often as `shares` says.
    With `scale` = (lowest, highest), each sample is magnified at random: a window of another size is cut of it (with
    `size` too) and resized.
    Without `augment` and `crop` the samples stay as they are; so they are scored.
    """

    def __init__(
        self,
        samples: Samples,
        normalise: Normalisation,
        augment: Augmentation | None,
        *,
        seed: int,
        crop: tuple[int, int] | None = None,
        crops_per_image: int = 1,
        scale: tuple[float, float] | None = None,
        shares: Shares | None = None,
    ) -> None:
        self.samples, self.normalise, self.augment, self.seed = samples, normalise, augment, seed
        self.crop, self.crops_per_image, self.scale = crop, crops_per_image, scale
        self.shares = Shares(crops_per_image) if shares is None else shares

    def __len__(self) -> int:
        return len(self.samples) * self.crops_per_image

    @property
    def window(self) -> tuple[int, int]:
        """(height, width) of every sample."""
        return self.samples.size or self.crop

    def image_of(self, key: tuple[int, int]) -> int:
        """The number of the image that `key` is taken from."""
        return self.shares.image_of(*key)

    def id_of(self, key: tuple[int, int]) -> str:
        """The id of the image that `key` is taken from."""
        return self.samples.samples[self.image_of(key)].id

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, Tensor]:
        epoch, index = key
        image, masks = self.samples[self.image_of(key)]
        cut = self.crop
        if self.scale is not None:
            cut = magnified_window(self.window, self.scale, seed=sample_seed(self.seed, epoch, index, "scale"))
        if cut is not None:
            image, masks = random_crop(image, masks, cut, seed=sample_seed(self.seed, epoch, index, "crop"))
        if cut not in (None, self.window):
            image, masks = resize_image(image, self.window), self.samples.task.resize_target(masks, self.window)
        if self.augment is not None:
            image, masks = self.augment(image, masks, seed=sample_seed(self.seed, epoch, index, "augment"))
        return self.normalise(image), self.samples.task.to_tensor(masks)
