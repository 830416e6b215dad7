"""Makes the tables and the figure of docs/losses.md.

    python -m benchmarks.scores.losses

Prints the tables as they stand in the page and draws docs/images/losses.png.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from losses import LOSSES, DiceLoss, build_loss
from losses.table import INDICES

FIGURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "losses.png"
SIDE = 96
# name in the tables → name of the loss, and the arguments that differ from its defaults
VARIANTS: dict[str, tuple[str, dict]] = {name: (name, {}) for name in LOSSES} | {
    "DiceLoss, per_image, s = 1e-5": ("DiceLoss", {"per_image": True, "smooth": 1e-5}),
    "DiceLoss, gamma 2, s = 1e-5 in the denominator": (
        "DiceLoss",
        {"gamma": 2.0, "smooth": 1e-5, "smooth_in": "denominator"},
    ),
    "DiceLoss, per_image, s = 1e-5 in the denominator": (
        "DiceLoss",
        {"per_image": True, "smooth": 1e-5, "smooth_in": "denominator"},
    ),
    "LovaszHingeLoss, pooled": ("LovaszHingeLoss", {"per_image": False}),
    "LovaszSoftmaxLoss, per_image": ("LovaszSoftmaxLoss", {"per_image": True}),
}


def table(header: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """Returns a Markdown table."""
    first, *lines = (f"| {' | '.join(cells)} |" for cells in (header, *rows))
    return "\n".join([first, "|---" * len(header) + "|", *lines])


def as_the_loss_takes_it(name: str, logits: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Returns one channel of logits and a mask, both [N, 1, H, W], in the form that the loss takes.

    A loss of class indices gets two channels, for which softmax gives the same probabilities, and int64 [N, H, W].
    """
    if LOSSES[name].fits == INDICES:
        return torch.cat([-logits / 2, logits / 2], 1), mask[:, 0].long()
    return logits, mask


def bar(height: int, *, images: int = 1) -> Tensor:
    """Returns masks [images, 1, 96, 96]. The first has `height` rows of foreground, and the others have none."""
    mask = torch.zeros(images, 1, SIDE, SIDE)
    mask[0, :, :height] = 1
    return mask


def gradients(name: str, arguments: dict) -> tuple[float, float, float]:
    """Returns the 2-norms of the gradients of three images, 96×96, with the logits of an untrained network.

    The first image has an eighth of foreground; the second has none and is in the same batch of two. The third has no
    foreground and is in a batch without any.
    """
    loss = build_loss(name, **arguments)
    untrained = 0.1 * torch.randn(2, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    norms = []
    for height in (SIDE // 8, 0):
        logits = untrained.clone().requires_grad_()
        loss(*as_the_loss_takes_it(name, logits, bar(height, images=2))).backward()
        norms += logits.grad.flatten(1).norm(dim=1).tolist()
    return norms[0], norms[1], max(norms[2:])


def gradient_table() -> str:
    rows = []
    for title, (name, arguments) in VARIANTS.items():
        full, empty, alone = gradients(name, arguments)
        share = 100 * empty / full
        rows.append(
            (title, f"{full:.1e}", f"{empty:.1e}", f"{share:.0f} %" if share >= 1 else f"{share:.1g} %", f"{alone:.1e}")
        )
    header = ("loss", "with foreground", "without", "without / with", "without, in a batch without any")
    return table(header, rows)


def smoothing_table() -> str:
    """Shows D of an empty target, 128×128, for a prediction of one pixel and for an empty prediction."""
    none = torch.zeros(1, 1, 128, 128)
    one = none.clone()
    one[0, 0, 0, 0] = 1
    rows = []
    for place in ("both", "denominator", "doubled", "numerator"):
        for smooth in (1e-5, 1.0, 100.0):
            loss = DiceLoss(smooth=smooth, smooth_in=place, activation="none", form="-D")
            wrong, right = (abs(loss(p, none).item()) for p in (one, none))
            empty = "s / 0" if place == "numerator" else f"{right:.6g}"
            rows.append((place, f"{smooth:g}", f"{wrong:.6g}", f"{1 - wrong:.6g}", empty))
    return table(("smooth_in", "s", "D of one pixel", "its 1 − D", "D of an empty prediction"), rows)


def best_table() -> str:
    """Shows the loss of a perfect prediction, for an image with foreground and for one without."""
    rows = []
    for title, (name, arguments) in VARIANTS.items():
        costs = []
        for height in (SIDE // 8, 0):
            mask = bar(height)
            pair = as_the_loss_takes_it(name, 200 * (2 * mask - 1), mask)
            costs.append(build_loss(name, **arguments)(*pair).item())
        rows.append((title, *(f"{round(cost, 5) + 0.0:g}" for cost in costs)))
    return table(("loss", "with foreground", "without"), rows)


def overlap_curve(name: str) -> tuple[list[float], list[float]]:
    """Returns Dice coefficients and losses of a square of 32×32 in 96×96, predicted 0 to 32 pixels too far right."""
    truth = torch.zeros(1, 1, SIDE, SIDE)
    truth[:, :, 32:64, 32:64] = 1
    loss, overlaps, losses = build_loss(name), [], []
    for shift in range(33):
        logits = 4 * (2 * truth.roll(shift, dims=3) - 1)
        overlaps.append((32 - shift) / 32)
        losses.append(loss(*as_the_loss_takes_it(name, logits, truth)).item())
    return overlaps, losses


def draw(path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.4), constrained_layout=True)
    of_pixels = ("BCEWithLogitsLoss", "CrossEntropyLoss", "FocalLoss", "BCEDiceLoss", "LovaszHingeLoss", "LogDiceLoss")
    for number, name in enumerate(LOSSES):
        if name == "CategoricalDiceLoss":
            continue  # its form is −D, so its values lie in −1 … 0
        axis = axes[1] if name in of_pixels else axes[0]
        axis.plot(*overlap_curve(name), label=name, linestyle=("-", "--", ":")[number % 3])
    axes[0].set_title("1 − an overlap")
    axes[1].set_title("of each pixel, a sum with it, a hinge, a logarithm")
    for axis in axes:
        axis.set(xlabel="Dice coefficient of the predicted square with the true one", ylabel="loss", xlim=(1, 0))
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)


def main() -> None:
    for text in (smoothing_table(), best_table(), gradient_table()):
        print(text, end="\n\n")
    draw(FIGURE)
    print(f"drew {FIGURE.relative_to(FIGURE.parents[2])}")


if __name__ == "__main__":
    main()
