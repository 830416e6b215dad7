"""The model card: a page of Markdown that says what a trained network is, where it comes from, and what was measured.

The sections follow Mitchell et al. 2019, "Model Cards for Model Reporting". The card states what it is given, and says
so where nothing is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

NAME = "MODEL.md"
UNKNOWN = "not known"
SCORES = {  # keys of summary.json → titles of columns
    "iou": "IoU",
    "ap_50": "AP@.5",
    "ap_70": "AP@.7",
    "ap_90": "AP@.9",
    "pq": "PQ",
    "count_error": "count error",
}


@dataclass(frozen=True)
class ModelFacts:
    """What a model card says of a network.

    Attributes:
        name: of the model.
        task: of the configuration, such as "distance".
        classes: names of the classes.
        has_cells: whether its maps become single cells.
        network: its name and its widths, such as "UNet, filters 16, 32, 64".
        parameters: how many numbers were trained.
        precision: of the stored weights, such as "float32".
        epoch: after which the weights were saved.
        channels: of the images that the network sees.
        geometry: how it sees an image, such as "tiles of 128×128 pixels at native scale".
        intensity: how pixels are stretched, see `images.image_reader.ImageReader`.
        data: the name of the data set.
        source, data_licence: what its dataset.yaml says of it; None if it says nothing.
        images: number of images that trained; None if it is not known.
        sizes: their sizes, such as "256×256 to 1040×1388"; None if they are not known.
        fingerprint: digest of the data, see `datasets.fingerprint`; None if it is not known.
        seal: of the checkpoint that the weights come from.
        licence: of the weights.
    """

    name: str
    task: str
    classes: Sequence[str]
    has_cells: bool
    network: str
    parameters: int
    precision: str
    epoch: int
    channels: int
    geometry: str
    intensity: str
    data: str
    source: str | None
    data_licence: str | None
    images: int | None
    sizes: str | None
    fingerprint: str | None
    seal: str
    licence: str


def model_card(facts: ModelFacts, scores: Mapping[str, Mapping], *, use: str, notes: str = "") -> str:
    """Writes the card.

    Args:
        scores: what was scored → the content of its summary.json.
        use: Markdown that says how the model is used.
        notes: Markdown that is added to the section about the scope.
    """
    what = "single cells and their masks" if facts.has_cells else "masks"
    parts = [
        f"# {_plain(facts.name)}",
        f"A network that finds {what} in images of cells: {_plain(', '.join(facts.classes))}.",
        f"## Use\n\n{use}",
        f"## The network\n\n{_table(('', ''), _network_rows(facts))}",
        f"## What it was trained with\n\n{_table(('', ''), _data_rows(facts))}",
        f"## Scores\n\n{scores_section(scores, seal=facts.seal)}",
        f"## Scope\n\n{scope_section(facts.channels)}" + (f"\n\n{notes.strip()}" if notes.strip() else ""),
        f"## Licence\n\nThe weights: {_plain(facts.licence)}.",
    ]
    return "\n\n".join(parts) + "\n"


def _network_rows(facts: ModelFacts) -> list[tuple[str, str]]:
    colours = {1: "grey; RGB images become grey", 3: "RGB; grey images are repeated three times"}
    stretched = {
        "native": "8-bit pixels are taken as they are; others are stretched between percentiles of each image",
        "image": "pixels are stretched between percentiles of each image",
        "run": "pixels are stretched between two values, which were measured on the training images",
    }
    return [
        ("network", facts.network),
        ("parameters", f"{facts.parameters:,}, stored as {facts.precision}"),
        ("task", facts.task),
        ("channels", colours.get(facts.channels, f"{facts.channels} stains in their order")),
        ("pixels", stretched.get(facts.intensity, facts.intensity)),
        ("geometry", facts.geometry),
        ("weights", f"of epoch {facts.epoch}, from the checkpoint {facts.seal}"),
    ]


def _data_rows(facts: ModelFacts) -> list[tuple[str, str]]:
    return [
        ("data", facts.data),
        ("source", facts.source or UNKNOWN),
        ("licence of the data", facts.data_licence or UNKNOWN),
        ("training images", UNKNOWN if facts.images is None else str(facts.images)),
        ("sizes in pixels", facts.sizes or UNKNOWN),
        ("fingerprint", facts.fingerprint or UNKNOWN),
    ]


def scores_section(scores: Mapping[str, Mapping], *, seal: str) -> str:
    """Returns the rows of several summary.json; `seal` is that of the checkpoint whose weights these are."""
    if not scores:
        return "No scores were given when this card was written."
    known = lambda summary, key: isinstance(summary.get(key), int | float)
    columns = [key for key in SCORES if any(known(summary, key) for summary in scores.values())]
    titles = ("what", "run", "weights", "images", *(SCORES[key] for key in columns))
    rows = []
    for what, summary in scores.items():
        own = summary.get("weights") == seal
        run = f"{PurePath(str(summary.get('run', UNKNOWN))).name}, epoch {summary.get('epoch', UNKNOWN)}"
        found = [f"{summary[key]:.3f}" if known(summary, key) else "–" for key in columns]
        rows.append((what, run, "these" if own else "others", str(summary.get("images", UNKNOWN)), *found))
    explained = (
        "Rows with other weights are of other trainings, such as those that left a part of the images out. All scores "
        "are at the images' own size; docs/reference.md defines them."
    )
    return f"{_table(titles, rows)}\n\n{explained}"


def scope_section(channels: int) -> str:
    """Returns what is in scope: what was measured, and not what can be read. `channels` are those of the images."""
    reads = "Grey and RGB images of 8 bits, 16 bits and floating-point numbers can be read."
    if channels not in (1, 3):
        reads = f"Images of {channels} channels of 8 bits, 16 bits and floating-point numbers can be read."
    return (
        f"{reads} That an image can be read does not mean that its cells are found. A kind of image is in scope only "
        "if a row above was measured on images of this kind: of this stain or contrast, grey or in colour, of this bit "
        "depth, and of this size of a pixel (such as 0.25 to 1 µm). For all other kinds the quality is not known."
    )


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(map(_plain, line))} |" for line in lines)


def _plain(text: str) -> str:
    """Returns foreign text as one line that ends no cell of a table and begins no HTML."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")
