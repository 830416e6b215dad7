"""What an exported file says about itself, for programs."""

from __future__ import annotations

from dataclasses import asdict

from inference.model_card.facts import ModelFacts
from inference.model_card.usage import LOGITS, PIXELS, step_inside, steps_after, steps_before


def metadata_of(facts: ModelFacts) -> dict[str, object]:
    """Returns key → value of the metadata; the values are texts, numbers, lists and dicts, as JSON has them."""
    seen, made = facts.input, facts.output
    (height, width), channels = seen.size, seen.reader.channels
    return {
        "name": facts.name,
        "task": made.task,
        "classes": list(made.classes),
        "channels": list(made.channels),
        "input": f"{PIXELS}: float32 [N, {channels}, {height}, {width}], from 0 to 255, any N",
        "output": f"{LOGITS}: float32 [N, {len(made.channels)}, {height}, {width}]",
        "activation": made.activation,
        "threshold": made.threshold,
        "tile": list(seen.size),
        "overlap": seen.overlap,  # null: the whole image is resized to the tile
        "intensity": seen.reader.to_dict(),
        "normalisation": seen.normalise.to_dict() | {"inside_the_file": True},
        "decode": None if made.decoding is None else asdict(made.decoding),
        "before": steps_before(seen),
        "inside": step_inside(seen),
        "after": steps_after(seen, made),
        "weights": facts.training.weights,
        "epoch": facts.training.epoch,
        "data": facts.data.name or facts.data.folder,
        "licence": facts.credits.licence,
        "authors": list(facts.credits.authors),
    }
