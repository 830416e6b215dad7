"""The content of summary.json: the scores of a set, and everything that a reader needs to judge and repeat them."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from engine.device import Runtime
from engine.distributed import ALONE
from engine.training import machine
from inference.cells.decode_file import ChosenDecoding
from metrics import InstanceCounts, SegmentationCounts
from metrics.definitions import definitions

COUNTED = ("true_positive", "false_positive", "false_negative")


def summary_of(
    origin: Mapping[str, object],
    counts: SegmentationCounts,
    objects: InstanceCounts | None,
    *,
    part: str,
    decoding: ChosenDecoding | None,
) -> dict[str, object]:
    """Returns the scores by name, after their origin and before the counts and the definitions.

    Args:
        origin: where the scores come from, such as the run, the threshold, and the fingerprints of data and weights.
        counts: the pixels at image size. `counts` of the summary has TP, FP and FN of each class, without void pixels.
        objects: the cells at image size; their TP, FP and FN are those at an IoU above 0.5. None: none are scored.
        part: the part of the data that is scored; with `decoding`, it tells whether the scores are a little too high.
        decoding: how maps became cells; None if the task has none.
    """
    summary = dict(origin)
    if decoding is not None:
        tuned_here = decoding.tuned_on is not None and part in (decoding.tuned_on, "all")
        summary |= {"decode": asdict(decoding.how), "tuned_on_these_images": tuned_here}
    scores = counts.compute().columns() | ({} if objects is None else objects.compute())
    per_class = counts.per_image().sum(0).tolist()
    counted: dict[str, object] = {
        "pixels": {
            name: dict(zip(COUNTED, numbers, strict=True))
            for name, numbers in zip(counts.classes, per_class, strict=True)
        }
    }
    if objects is not None:
        hits = sum(int(image.hits[0]) for image in objects.images)
        true, predicted = scores["true_objects"], scores["predicted_objects"]
        counted["objects"] = dict(zip(COUNTED, (hits, predicted - hits, true - hits), strict=True))
    explained = definitions(scores, counts.classes, background=counts.background)
    return summary | scores | {"counts": counted, "definitions": explained}


def environment_of(runtime: Runtime) -> dict[str, object]:
    """Returns what the scores depend on besides the run and its data, such as the version of torch."""
    return {"python": platform.python_version(), "system": platform.system()} | machine(runtime, ALONE)


def command_of(
    run: Path,
    *,
    part: str,
    data: Path | None,
    channels: Sequence[int | str] | None,
    threshold: float | None,
    tta: bool,
) -> str:
    """Returns the command line that makes these results again."""
    words = ["python", "val.py", "--run", str(run), *(["--split", part] if data is None else ["--data", str(data)])]
    words += [] if channels is None else ["--channels", f"[{', '.join(map(str, channels))}]"]
    words += [] if threshold is None else ["--threshold", str(threshold)]
    return shlex.join(words + (["--tta"] if tta else []))
