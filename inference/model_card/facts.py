"""What is known of a trained model: all that a stranger needs to use it and to judge it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from images.image_reader import ImageReader
from images.normalise import Normalisation
from inference.cells.decoding import Decoding

LAST_EPOCH = "the last epoch"  # what has chosen the weights if no score has


@dataclass(frozen=True)
class InputFacts:
    """What the network sees of an image.

    Attributes:
        reader: how pixels of any kind become uint8 with the channels of the run.
        normalise: how these become the input of the network.
        size: (height, width) in pixels of what goes through the network in one piece.
        overlap: smallest overlap of neighbouring tiles in pixels. None: there are no tiles, and the whole image is
            resized to `size`.
    """

    reader: ImageReader
    normalise: Normalisation
    size: tuple[int, int]
    overlap: int | None


@dataclass(frozen=True)
class OutputFacts:
    """What the network's output means.

    Attributes:
        task: the name of the task, such as "binary".
        classes: names of the K classes.
        channels: names of the C channels of the logits; those of the classes come first.
        activation: the function that turns logits into maps in [0, 1]: "sigmoid", or "softmax" over the channels.
        threshold: probability above which a pixel belongs to a class; None if each pixel has exactly one class.
        decoding: how maps become cells; None if the task has none.
    """

    task: str
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    activation: str
    threshold: float | None
    decoding: Decoding | None


@dataclass(frozen=True)
class Score:
    """A score of the model.

    Attributes:
        name: a key of `metrics.definitions`, such as "ap_50".
        interval: the 95 % bootstrap interval over images; None if there is none for this score.
        definition: a sentence.
    """

    name: str
    value: float
    interval: tuple[float, float] | None
    definition: str


@dataclass(frozen=True)
class ScoreFacts:
    """What val.py has found.

    Attributes:
        part: of the data: "test", "val", "train" or "all".
        images: the number of scored images.
        by_size: (areas in pixels, true cells, recall at an IoU above 0.5) of each class of sizes; it may be empty.
        tuned_here: whether the parameters of decoding were chosen by these scores.
        command: makes the scores again.
    """

    part: str
    images: int
    scores: tuple[Score, ...]
    by_size: tuple[tuple[str, int, float], ...]
    tuned_here: bool
    command: str


@dataclass(frozen=True)
class TrainedData:
    """What the model was trained with. Texts are None if nobody wrote them down.

    Attributes:
        folder: the data folder, as the configuration names it.
        name, source, licence: from its dataset.yaml.
        train, val, test: the numbers of images.
        fingerprint, split_fingerprint: digests of the names and sizes of all files, and of the split.
        split: a sentence that says how the images were divided.
    """

    folder: str
    name: str | None
    source: str | None
    licence: str | None
    train: int
    val: int
    fingerprint: str | None
    split_fingerprint: str | None
    split: str
    test: int = 0


@dataclass(frozen=True)
class TrainingFacts:
    """How the model was trained.

    Attributes:
        network: its name, such as "UNet".
        parameters: how many numbers it has learned.
        filters: the width of each level, top first.
        recipe: what → value, such as "loss" → "BCEDiceLoss"; for people.
        epoch, epochs: after which epoch the weights were saved, and the configured number of epochs.
        chosen_by: why this epoch, such as "the highest val_iou", or `LAST_EPOCH`.
        command: trains the model again, as a new run.
        environment: name → version or device.
        weights: the seal of the checkpoint.
    """

    network: str
    parameters: int
    filters: tuple[int, ...]
    recipe: Mapping[str, str]
    epoch: int
    epochs: int
    chosen_by: str
    command: str
    environment: Mapping[str, object]
    weights: str


@dataclass(frozen=True)
class Credits:
    """Who made the model, and under which terms others may use it.

    Attributes:
        authors: names.
        licence: an SPDX identifier, such as "CC0-1.0"; None if nobody chose one.
        papers: (citation, DOI) of what the model builds on.
    """

    authors: tuple[str, ...]
    licence: str | None
    papers: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ModelFacts:
    """All facts of one model.

    Attributes:
        name: of the model, such as that of its run.
        scores: None if nobody has scored it.
    """

    name: str
    input: InputFacts
    output: OutputFacts
    training: TrainingFacts
    data: TrainedData
    scores: ScoreFacts | None
    credits: Credits
