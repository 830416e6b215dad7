"""Writes the model card: one page of Markdown that says what a model is, how good it is, and what it is not for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath

from images.image_reader import CONVERTIBLE
from inference.model_card.facts import LAST_EPOCH, ModelFacts, Score, ScoreFacts, TrainedData
from inference.model_card.usage import LOGITS, PIXELS, step_inside, steps_after, steps_before
from metrics.intervals import ROUNDS
from system.names import shown

SPECIAL = re.compile(r"[\\`*<>|#~]|(?<=\])\(|(?<!\w)_|_(?!\w)")  # characters with a meaning in Markdown
PARTS = {"test": "test images", "val": "validation images", "train": "training images", "all": "images"}
UNKNOWN = "not stated"
COLUMNS = {"iou": "IoU", "ap_50": "AP@.5", "ap_70": "AP@.7", "ap_90": "AP@.9", "pq": "PQ", "count_error": "count error"}
SCOPE = (
    "That an image can be read does not mean that its cells are found. A kind of image is in scope only if scores "
    "below were measured on images of this kind: of this stain or contrast, grey or in colour, of this bit depth, and "
    "of this size of a pixel (such as 0.25 to 1 µm). For all other kinds the quality is not known."
)


def model_card(
    facts: ModelFacts,
    checks: Sequence[str] = (),
    *,
    usage: str | None = None,
    summaries: Mapping[str, Mapping] | None = None,
    notes: str = "",
) -> str:
    """Returns the model card as Markdown. It depends on its arguments only, and has no date.

    Args:
        checks: lines about the files that are handed on with the card, such as how far their logits differ.
        usage: Markdown that says how the files are used; None describes the input and the output of the network.
        summaries: what was scored → the content of its summary.json. The weights may be those of other trainings.
        notes: Markdown that is added to what the model is not for, such as which kinds of images were measured.
    """
    limits = _bullets([*limits_of(facts, scored_elsewhere=bool(summaries)), SCOPE])
    scored = [_validation(facts)] if facts.scores or not summaries else []
    sections = [
        ("", _summary(facts)),
        ("What it is not for", "\n\n".join([limits, *filter(None, [notes.strip()])])),
        ("How to use it", usage or _usage(facts, checks)),
        ("Data", _data(facts.data)),
        ("Validation", "\n\n".join([*scored, *([_summaries(summaries, facts.training.weights)] if summaries else [])])),
        ("Training", _training(facts)),
        ("Licence and citation", _credits(facts)),
    ]
    return "\n".join(f"{f'## {title}' if title else f'# {plain(facts.name)}'}\n\n{text}\n" for title, text in sections)


def plain(text: object) -> str:
    """Returns text as Markdown that shows it literally, on one line: others have written names and notes."""
    return SPECIAL.sub(r"\\\g<0>", shown(" ".join(str(text).split())))


def code(text: str) -> str:
    """Returns a command as a block of code; nothing in it has a meaning in Markdown."""
    return f"    {shown(' '.join(text.split()))}"


def limits_of(facts: ModelFacts, *, scored_elsewhere: bool = False) -> list[str]:
    """Returns what the model is not for, and how far its scores can be trusted, as sentences.

    Args:
        scored_elsewhere: whether the card has scores of other trainings.
    """
    reader, scores = facts.input.reader, facts.scores
    kind = {1: "grey images", 3: "grey or RGB images"} if reader.select is None else {}
    seen = kind.get(reader.channels, f"images of {reader.channels} channel{'s' * (reader.channels > 1)}")
    found = [
        "It is no medical device. Do not base a diagnosis or a treatment on it.",
        "It has learned from one set of images. On another stain, microscope, tissue or magnification it may fail "
        "without a warning. Score it on some labelled images of your own before you use its results.",
        f"It takes {seen}, and no other number of channels. Stacks are predicted plane by plane, not in 3D.",
    ]
    if reader.channels not in CONVERTIBLE or reader.select is not None:
        found.append("The channels must be the stains of the training, in their order.")
    if facts.output.decoding is None:
        found.append("It says where the classes are. It does not separate cells that touch.")
    if scores is None and scored_elsewhere:
        found.append("Its own weights may not have been scored: see the column weights of the scores.")
    elif scores is None:
        found.append("Nobody has scored it yet.")
    elif scores.part == "val":
        held_back = f"{facts.data.test} test images were held back: val.py --split test scores them."
        chosen = (
            "No score has chosen the epoch of the weights."
            if facts.training.chosen_by == LAST_EPOCH
            else "The validation images have chosen the epoch of the weights, so its scores are a little too high for "
            "new images."
        )
        found.append(f"{chosen} {held_back if facts.data.test else 'No further images were held back.'}")
    elif scores.part != "test":
        found.append("Its scores include images that it has learned from. They say nothing about new images.")
    if scores is not None and scores.tuned_here:
        found.append("The parameters of decoding were chosen by these scores, too.")
    return found


def _summary(facts: ModelFacts) -> str:
    made, training = facts.output, facts.training
    cells = "" if made.decoding is None else " It also separates single cells."
    return (
        f"This network marks in microscope images: {plain(', '.join(made.classes))}.{cells} It is a {training.network} "
        f"with {training.parameters:,} parameters and the widths {', '.join(map(str, training.filters))}, for the task "
        f"{made.task}."
    )


def _usage(facts: ModelFacts, checks: Sequence[str]) -> str:
    (height, width), channels = facts.input.size, facts.input.reader.channels
    form = (
        f"Input `{PIXELS}`: float32 [N, {channels}, {height}, {width}], pixels from 0 to 255, any N. "
        f"Output `{LOGITS}`: float32 [N, {len(facts.output.channels)}, {height}, {width}], with the channels "
        f"{plain(', '.join(facts.output.channels))}."
    )
    parts = [
        form,
        "Before the network:\n\n" + _numbered(map(plain, steps_before(facts.input))),
        step_inside(facts.input),
        "After the network:\n\n" + _numbered(map(plain, steps_after(facts.input, facts.output))),
    ]
    return "\n\n".join(parts + ([_bullets(checks)] if checks else []))


def _data(data: TrainedData) -> str:
    rows = [
        ("name", data.name or UNKNOWN),
        ("source", data.source or UNKNOWN),
        ("licence", data.licence or UNKNOWN),
        ("folder", data.folder),
        ("images", f"{data.train} train, {data.val} validation{f', {data.test} test' if data.test else ''}"),
        ("split", data.split),
        ("fingerprint of the files", data.fingerprint or UNKNOWN),
        ("fingerprint of the split", data.split_fingerprint or UNKNOWN),
    ]
    return _table(("what", "value"), rows)


def _validation(facts: ModelFacts) -> str:
    scores = facts.scores
    if scores is None:
        return "The model has no scores. `python val.py --run <run>` makes them."
    parts = [
        f"{scores.images} {PARTS[scores.part]} were scored at their own size. An interval holds 95 % of {ROUNDS:,} "
        "bootstrap draws of these images; images of one field or patient resemble each other, which makes the true "
        "uncertainty larger. A score without an interval is pooled over pixels or has no numbers of each image.",
        _table(
            ("score", "value", "95 % interval"), [(one.name, _number(one), _interval(one)) for one in scores.scores]
        ),
    ]
    if scores.by_size:
        sizes = [(area, f"{cells:,}", f"{recall:.4f}" if cells else "–") for area, cells, recall in scores.by_size]
        parts += ["By the area of the true cells in pixels:", _table(("area", "true cells", "recall"), sizes)]
    definitions = _bullets(f"{plain(one.name)}: {plain(one.definition)}" for one in scores.scores)
    return "\n\n".join([*parts, f"What the scores are:\n\n{definitions}", _commands(scores)])


def _summaries(summaries: Mapping[str, Mapping], seal: str) -> str:
    """Returns a row for each summary.json; `seal` is that of the checkpoint that the model was made of."""
    known = lambda summary, key: isinstance(summary.get(key), int | float)
    columns = [key for key in COLUMNS if any(known(summary, key) for summary in summaries.values())]
    rows = []
    for what, summary in summaries.items():
        run = f"{PurePath(str(summary.get('run', UNKNOWN))).name}, epoch {summary.get('epoch', UNKNOWN)}"
        weights = "these" if summary.get("weights") == seal else "others"
        found = [f"{summary[key]:.3f}" if known(summary, key) else "–" for key in columns]
        rows.append((what, run, weights, str(summary.get("images", UNKNOWN)), *found))
    table = _table(("what", "run", "weights", "images", *(COLUMNS[key] for key in columns)), rows)
    return (
        "Rows with other weights are of other trainings, such as those that left a part of the images out. All scores "
        f"are at the images' own size.\n\n{table}"
    )


def _commands(scores: ScoreFacts) -> str:
    return f"This command makes the scores again:\n\n{code(scores.command)}"


def _training(facts: ModelFacts) -> str:
    training = facts.training
    rows = [*training.recipe.items(), ("epochs", f"{training.epochs}; the weights are those after {training.epoch}")]
    rows += [("chosen by", training.chosen_by), ("weights", training.weights)]
    rows += [(name, str(value)) for name, value in training.environment.items()]
    return f"This command trains the model again:\n\n{code(training.command)}\n\n{_table(('what', 'value'), rows)}"


def _credits(facts: ModelFacts) -> str:
    credits = facts.credits
    papers = _bullets(f"{plain(text)} https://doi.org/{doi}" for text, doi in credits.papers)
    return (
        f"Licence of the model: {plain(credits.licence or UNKNOWN)}. "
        f"Authors: {plain(', '.join(credits.authors) or UNKNOWN)}. It builds on:\n\n{papers}"
    )


def _number(score: Score) -> str:
    return f"{score.value:,}" if isinstance(score.value, int) else f"{score.value:.4f}"


def _interval(score: Score) -> str:
    return "–" if score.interval is None else f"{score.interval[0]:.4f} to {score.interval[1]:.4f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [[*map(plain, row)] for row in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *lines])


def _bullets(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _numbered(sentences: Iterable[str]) -> str:
    return "\n".join(f"{number}. {sentence}" for number, sentence in enumerate(sentences, start=1))
