"""Networks of torchvision as the path down of UNet and UNet++: the ResNets of He et al. 2016, "Deep Residual Learning
for Image Recognition"."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from torch import Tensor, nn

from models import ENCODERS
from models.batch_norm import BatchNorm2d
from system.errors import CheckpointError


class ResNetEncoder(nn.Module):
    """A ResNet without its classifier. Its tensors have the names that torchvision gives them.

    Level 1 is the answer of the first convolution, at half of the image's height and width; the levels 2 to 5 are the
    answers of the four groups of blocks, and each halves height and width again.

    Args:
        name: a key of `ENCODERS`, such as "resnet18".
        input_channels: C, the number of channels of the images.
        levels: how many of the five levels are kept.
    """

    def __init__(self, name: str, input_channels: int = 3, levels: int = 5) -> None:
        super().__init__()
        import torchvision  # takes a second, and networks without an encoder need none

        whole = getattr(torchvision.models, name)(weights=None, norm_layer=BatchNorm2d)
        self.widths = ENCODERS[name][:levels]
        self.conv1, self.bn1, self.relu, self.maxpool = whole.conv1, whole.bn1, whole.relu, whole.maxpool
        if input_channels != self.conv1.in_channels:
            self.conv1 = nn.Conv2d(input_channels, 64, 7, stride=2, padding=3, bias=False)
            nn.init.kaiming_normal_(self.conv1.weight, mode="fan_out", nonlinearity="relu")  # as torchvision does
        for number in range(1, levels):
            self.add_module(f"layer{number}", getattr(whole, f"layer{number}"))

    def features(self, image: Tensor, levels: int) -> Iterator[Tensor]:
        """Yields the features of the first `levels` levels of an image [N, C, H, W], one after the other."""
        x = self.relu(self.bn1(self.conv1(image)))
        yield x
        for number in range(1, levels):
            x = self.get_submodule(f"layer{number}")(self.maxpool(x) if number == 1 else x)
            yield x

    def cut(self, levels: int) -> None:
        """Removes the levels below the first `levels`, which are no longer asked for."""
        for number in range(levels, len(self.widths)):
            delattr(self, f"layer{number}")
        self.widths = self.widths[:levels]


def downloaded_weights(name: str) -> dict[str, Tensor]:
    """Returns the weights that torchvision offers for an encoder, which were trained on ImageNet.

    torchvision reads them from torch's cache, and downloads them once if they are not there. The name of the file holds
    the beginning of its SHA-256, which is compared with what was downloaded.

    Raises:
        CheckpointError: they cannot be downloaded, or the file is damaged.
    """
    import torch
    import torchvision

    weights, folder = torchvision.models.get_model_weights(name).DEFAULT, Path(torch.hub.get_dir()) / "checkpoints"
    try:
        return weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except OSError as error:  # no network, no such address, no room on the disk
        raise CheckpointError(
            f"{weights.url}: the weights of {name} cannot be downloaded ({error}); put the file into {folder}, or set "
            "model.encoder_weights to its path"
        ) from error
    except Exception as error:  # torch raises a dozen kinds of errors at damaged files
        damaged = folder / weights.url.rsplit("/", 1)[1]
        raise CheckpointError(f"{damaged}: damaged; remove it, so that torchvision downloads it again") from error
