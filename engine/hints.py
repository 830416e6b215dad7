"""Tells once if the validation of a training collapses while its loss goes on falling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# val_iou of a small validation part jumps. Of 41 logged trainings of 10 to 40 epochs, 31 had an epoch that meets the
# conditions below, 15 had two in a row, 4 had three and 2 had five. These two had batches of 4 and of 8 images and a
# learning rate of 3e-3; one ended like this, and the other recovered when the rate fell.
EPOCHS = 5
SHARE = 2 / 3


def has_collapsed(rows: Sequence[Mapping[str, float]]) -> bool:
    """Returns True if the validation of the newest epochs is far below its best although the training goes on well.

    For each of the last `EPOCHS` epochs this must hold, compared with the epoch of the highest val_iou before them:
    - its val_iou is below `SHARE` times that of the compared epoch;
    - its val_iou is below `SHARE` times its own iou, that of the training images;
    - its training loss is below that of the compared epoch.

    Args:
        rows: one row for each epoch, as log.csv has them.
    """
    before, newest = rows[:-EPOCHS], rows[-EPOCHS:]
    if not before:
        return False
    best = max(before, key=lambda row: row["val_iou"])
    return all(
        row["val_iou"] < SHARE * min(best["val_iou"], row["iou"]) and row["loss"] < best["loss"] for row in newest
    )


def hint(rows: Sequence[Mapping[str, float]]) -> str | None:
    """Returns the hint in the epoch in which the validation has collapsed for the first time, and None in all others.

    It depends on the rows alone. So a run gives it at most once, however often it is resumed.
    """
    if not has_collapsed(rows) or any(has_collapsed(rows[:count]) for count in range(len(rows))):
        return None
    best, newest = max(rows, key=lambda row: row["val_iou"]), rows[-1]
    return (
        f"hint    val_iou was {best['val_iou']:.2f} in epoch {best['epoch']} and has been below two thirds of it for "
        f"{EPOCHS} epochs (now {newest['val_iou']:.2f}), while the training loss fell and iou is {newest['iou']:.2f}. "
        "Likely reasons: the running statistics of batch norm, which validation uses and training does not, are off, "
        "because batches are small or the learning rate is high (try a lower optimizer.lr or a larger "
        "train.batch_size); or the threshold 0.5 does not fit (try val.py --threshold). best.pth keeps the best epoch."
    )


def print_hint(rows: Sequence[Mapping[str, float]]) -> None:
    """Prints the hint, if this is its epoch."""
    if text := hint(rows):
        print(text, flush=True)
