"""Writes a training for TensorBoard: a curve for each column of log.csv and timing.csv, and pictures of some images.

The events are written without the background thread of TensorBoard's own writer, because the loader forks workers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from engine.history import History
from system.errors import ConfigError, first_line

SETS_OF_PICTURES = 50  # in a training; the first epoch and the last one have pictures
PREFIX = "events.out.tfevents."  # what TensorBoard looks for


@dataclass(frozen=True)
class Picture:
    """One picture: its title, and a JPEG or PNG file of `height` times `width` pixels."""

    title: str
    content: bytes
    height: int
    width: int


def require_package(logs: Sequence[str]) -> None:
    """Looks for the package that these logs need, without an import.

    Raises:
        ConfigError: it is missing.
    """
    if "tensorboard" in logs and find_spec("tensorboard") is None:
        raise ConfigError(
            "train.log_to: tensorboard needs the package tensorboard, which is not installed: "
            "python -m pip install tensorboard"
        )


class EventLog:
    """Keeps the events of a run up to date. A failure costs one printed line, and no training.

    Each start of a training writes a file of its own. It first cancels the steps that are later than its checkpoint,
    which will be trained again, and adds those that a kill has left out. So every step is there once.

    Args:
        folder: where the files are.
        epochs: number of epochs of the training, which decides how often there are pictures.
        draw: returns the pictures of the images that are followed.
    """

    def __init__(self, folder: Path, *, epochs: int, draw: Callable[[], Sequence[Picture]] = tuple) -> None:
        self.folder, self.epochs, self.draw = folder, epochs, draw
        self._path: Path | None = None
        self._written, self._failed = 0, False

    def after_epoch(self, history: History) -> None:
        """Writes the newest epoch, and earlier ones that the files lack."""
        epoch = len(history.rows)
        every = -(-self.epochs // SETS_OF_PICTURES)
        self._write(history, with_pictures=epoch == 1 or epoch % every == 0 or epoch == self.epochs)

    def finish(self, history: History) -> None:
        """Writes epochs that the files lack, such as the last one of a training that was killed behind it."""
        self._write(history, with_pictures=False)

    def _write(self, history: History, *, with_pictures: bool) -> None:
        if self._failed or not history.rows or self._written == len(history.rows):
            return
        try:
            events = [] if self._path else self._opening(len(history.rows))
            for epoch in range(self._written + 1, len(history.rows) + 1):
                columns = {"log": history.rows[epoch - 1], "timing": history.timing[epoch - 1]}
                events.append(_scalars(epoch, columns))
            if with_pictures:
                events.append(_pictures(len(history.rows), self.draw()))
            self._append(events)
            self._written = len(history.rows)
        except Exception as error:  # the package may be broken, the disk full, the memory too small for a picture
            self._failed = True
            reason = first_line(error)
            print(f"events  {self.folder} gets no more events ({reason}); log.csv has the same numbers", flush=True)

    def _opening(self, newest: int) -> list[object]:
        """Chooses the file of this start, and returns its first events.

        Args:
            newest: the epoch that has just ended; the files have none that is later and still counts.
        """
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        self.folder.mkdir(parents=True, exist_ok=True)
        earlier = sorted(self.folder.glob(f"{PREFIX}*"))
        self._written = min(_last_step(earlier), newest - 1)
        self._path = self.folder / f"{PREFIX}{int(time.time()):010d}.{len(earlier):04d}"
        start = SessionLog(status=SessionLog.START)
        return [
            Event(wall_time=time.time(), file_version="brain.Event:2"),
            Event(wall_time=time.time(), step=self._written + 1, session_log=start),
        ]

    def _append(self, events: Sequence[object]) -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter

        with self._path.open("ab") as file:
            records = RecordWriter(file)
            for event in events:
                records.write(event.SerializeToString())


def _scalars(epoch: int, columns: Mapping[str, Mapping[str, float]]) -> object:
    """Returns the event of all columns of both tables, called such as "log/val_iou"."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    values = [
        Summary.Value(tag=f"{table}/{name}", simple_value=value)
        for table, row in columns.items()
        for name, value in row.items()
        if name != "epoch" and value is not None
    ]
    return Event(wall_time=time.time(), step=epoch, summary=Summary(value=values))


def _pictures(epoch: int, pictures: Sequence[Picture]) -> object:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    values = [
        Summary.Value(
            tag=f"validation/{picture.title}",
            image=Summary.Image(
                height=picture.height, width=picture.width, colorspace=3, encoded_image_string=picture.content
            ),
        )
        for picture in pictures
    ]
    return Event(wall_time=time.time(), step=epoch, summary=Summary(value=values))


def _last_step(files: Sequence[Path]) -> int:
    """Returns the last epoch that earlier files have; 0 without one. A kill may have cut the end of a file."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    last = 0
    for path in files:
        for event in EventFileLoader(str(path)).Load():
            if event.HasField("session_log"):
                last = min(last, event.step - 1)
            elif event.HasField("summary"):
                last = max(last, event.step)
    return last
