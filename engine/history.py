"""The history of a training: the rows of log.csv and timing.csv, and which epoch was the best."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

# What the first lines of a training say about its columns.
EXPLAINED = (
    "scores  iou is of the training images, counted while the network learns; batch norm then uses each batch alone\n"
    "        val_iou is of the validation images, counted as in prediction; judge the training by it"
)


class History:
    """Collects one row per epoch for log.csv (reproducible to the byte) and for timing.csv (not reproducible).

    It also runs the clock that timing.csv needs.

    Args:
        score: the column whose highest value makes an epoch the best. An epoch may have no value in it, but the first
            has one. With "epoch" the newest is the best.
    """

    def __init__(self, score: str = "val_iou") -> None:
        self.score = score
        self.rows: list[dict[str, float]] = []
        self.timing: list[dict[str, float]] = []
        self._started, self._trained, self._images, self._waited = 0.0, 0.0, 0, 0.0

    def load(self, rows: Sequence[Mapping[str, float]], timing: Sequence[Mapping[str, float]]) -> None:
        """Replaces the history by that of a run which continues: one row per epoch that is done."""
        self.rows, self.timing = [dict(row) for row in rows], [dict(row) for row in timing]

    def is_over(self, *, epochs: int, patience: int | None) -> bool:
        """Returns True if all epochs are done, or if the best score is `patience` epochs older than the newest one."""
        return len(self.rows) >= epochs or bool(self.rows and patience and self.epochs_since_best >= patience)

    def start_epoch(self) -> None:
        """Starts the clock."""
        self._started = time.perf_counter()

    def end_training(self, *, images: int, waited: float) -> None:
        """Notes the end of an epoch's training; its validation follows.

        Args:
            images: number of images that this process trained on.
            waited: seconds that the training waited for batches.
        """
        self._trained, self._images, self._waited = time.perf_counter(), images, waited

    def add(
        self,
        lr: float,
        losses: Mapping[str, float],
        scores: Mapping[str, float],
        val_losses: Mapping[str, float],
        val_scores: Mapping[str, float],
    ) -> None:
        """Adds the rows of an epoch that has ended.

        Args:
            lr: the learning rate of the epoch's last step.
            losses, val_losses: "loss", and the terms of a weighted sum by name, which become the last columns.
            scores, val_scores: column name → score.
        """
        training, validation = self._trained - self._started, time.perf_counter() - self._trained
        row = {"epoch": len(self.rows) + 1, "lr": lr, "loss": losses["loss"], **scores, "val_loss": val_losses["loss"]}
        row |= {f"val_{name}": score for name, score in val_scores.items()}
        self.rows.append(row | losses | {f"val_{name}": value for name, value in val_losses.items()})
        seconds = {"train_seconds": training, "val_seconds": validation}
        rates = {"train_images_per_second": self._images / training, "waiting_share": self._waited / training}
        self.timing.append({"epoch": row["epoch"], **seconds, **rates})

    @property
    def best(self) -> Mapping[str, float]:
        """The row with the highest score; of equal rows, the first."""
        scored = [row for row in self.rows if row.get(self.score) is not None]
        return max(scored, key=lambda row: row[self.score])

    @property
    def described_best(self) -> str:
        """The best epoch and its score, or the epoch alone if no score has chosen it."""
        score = "" if self.score == "epoch" else f"{self.score} {self.best[self.score]:.4f}, "
        return f"{score}epoch {self.best['epoch']}"

    @property
    def newest_is_best(self) -> bool:
        return self.best is self.rows[-1]

    @property
    def epochs_since_best(self) -> int:
        """The epochs from the best score to the newest one. An epoch that was not scored says nothing."""
        newest = next(row for row in reversed(self.rows) if row.get(self.score) is not None)
        return newest["epoch"] - self.best["epoch"]

    def line(self, epochs: int) -> str:
        """Returns the line that describes the newest epoch on a terminal."""
        row, timing = self.rows[-1], self.timing[-1]
        seconds = timing["train_seconds"] + timing["val_seconds"]
        cells = f"val_ap_50 {row['val_ap_50']:.4f}  " if "val_ap_50" in row else ""
        return (
            f"epoch {row['epoch']:3d}/{epochs}  lr {row['lr']:.2e}  loss {row['loss']:.4f}  iou {row['iou']:.4f}  "
            f"val_loss {row['val_loss']:.4f}  val_iou {row['val_iou']:.4f}  val_dice {row['val_dice']:.4f}  {cells}"
            f"{seconds:.1f} s, {timing['waiting_share']:.0%} of training waited for data"
            f"{'  best' if self.newest_is_best else ''}"
        )


def to_csv(rows: Sequence[Mapping[str, object]]) -> str:
    """Returns the rows as CSV text.

    Numbers are written as %.6f, but `lr` has six significant digits, because one-cycle ends far below 1e-6.
    """
    import pandas as pd

    frame = pd.DataFrame(rows)
    if "lr" in frame:
        frame["lr"] = frame["lr"].map("{:.6g}".format)
    return frame.to_csv(index=False, float_format="%.6f", lineterminator="\n")
