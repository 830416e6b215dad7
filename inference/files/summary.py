"""The content of summary.json: the scores of a set, and everything that a reader needs to judge and repeat them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

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
