"""The facts of a model that nobody has trained."""

from dataclasses import replace

from images.image_reader import ImageReader
from images.normalise import IMAGENET
from inference.cells.decoding import decoding_by
from inference.model_card.facts import (
    Credits,
    InputFacts,
    ModelFacts,
    OutputFacts,
    Score,
    ScoreFacts,
    TrainedData,
    TrainingFacts,
)

FACTS = ModelFacts(
    name="cells",
    input=InputFacts(ImageReader(), IMAGENET, (128, 96), 48),
    output=OutputFacts("distance", ("nucleus",), ("nucleus", "distance"), "sigmoid", 0.5, decoding_by("distance")),
    training=TrainingFacts(
        network="UNet",
        parameters=1234567,
        filters=(16, 32),
        recipe={"loss": "BCEDiceLoss"},
        epoch=3,
        epochs=5,
        chosen_by="the highest val_ap_50",
        command="python train.py --config outputs/cells/config.yaml name=cells_again",
        environment={"torch": "2.6"},
        weights="crc32 0123abcd",
    ),
    data=TrainedData(
        folder="inputs/dsb2018",
        name="dsb2018",
        source="Broad Bioimage Benchmark Collection",
        licence="CC0-1.0",
        train=531,
        val=133,
        fingerprint="f" * 32,
        split_fingerprint="e" * 32,
        split="20 % of the images, drawn with seed 41, validate.",
    ),
    scores=ScoreFacts(
        part="val",
        images=133,
        scores=(
            Score("iou", 0.8125, None, "Intersection over union."),
            Score("ap_50", 0.75, (0.7011, 0.8022), "Average precision."),
            Score("true_objects", 4321, None, "The number of true cells."),
        ),
        by_size=(("< 100", 12, 0.5), ("≥ 1600", 0, 0.0)),
        tuned_here=False,
        command="python val.py --run outputs/cells --split val",
    ),
    credits=Credits(("Ada Lovelace",), "CC0-1.0", (("Ronneberger et al. 2015", "10.1007/978-3-319-24574-4_28"),)),
)


def changed(section, /, **changes):
    """The facts with other values in one section, such as "data"."""
    return replace(FACTS, **{section: replace(getattr(FACTS, section), **changes)})
