"""The model card is a function of the facts: what it must say, and that names cannot change its form."""

from dataclasses import replace

import pytest
from support.model_facts import FACTS, changed

from inference.model_card.card import limits_of, model_card, plain
from inference.model_card.facts import LAST_EPOCH

EVIL = "<img src=x onerror=alert(1)> | a [b](http://c) _d_ `e`\n# f"


def test_what_a_card_says():
    card = model_card(FACTS, ["model.onnx differs by 1e-6"])
    for text in (
        "# cells\n",
        "1,234,567 parameters and the widths 16, 32",
        "Broad Bioimage Benchmark Collection",
        "| images | 531 train, 133 validation |",
        f"| fingerprint of the files | {'f' * 32} |",
        "| split | 20 % of the images, drawn with seed 41, validate. |",
        "| iou | 0.8125 | – |",
        "| ap_50 | 0.7500 | 0.7011 to 0.8022 |",
        "| true_objects | 4,321 | – |",
        "- ap_50: Average precision.",
        "| < 100 | 12 | 0.5000 |".replace("<", "\\<"),
        "| ≥ 1600 | 0 | – |",
        "    python val.py --run outputs/cells --split val\n",
        "    python train.py --config outputs/cells/config.yaml name=cells_again\n",
        "| torch | 2.6 |",
        "Licence of the model: CC0-1.0. Authors: Ada Lovelace.",
        "Ronneberger et al. 2015 https://doi.org/10.1007/978-3-319-24574-4_28",
        "Input `pixels`: float32 [N, 3, 128, 96], pixels from 0 to 255, any N.",
        "with mean 0.485, 0.456, 0.406 and std 0.229, 0.224, 0.225",
        "tiles of 128×96 that overlap by at least 48 pixels",
        "Seeds are where the second map is above seed_threshold.",
        "- model.onnx differs by 1e-6",
        "It is no medical device.",
    ):
        assert text in card, text
    assert model_card(FACTS, ["model.onnx differs by 1e-6"]) == card


def test_text_of_others_stays_text():
    """A table keeps its columns, and nothing becomes a heading, a link, or HTML."""
    card = model_card(replace(changed("data", source=EVIL, name=EVIL), name=EVIL))
    usual = model_card(FACTS)
    assert [line.count("|") - line.count("\\|") for line in card.splitlines()] == [
        line.count("|") for line in usual.splitlines()
    ]
    assert card.count("\n## ") == usual.count("\n## ")
    assert "<img" not in card.replace("\\<", "")
    assert "](" not in card
    assert plain("a_b [0, 1] (x)") == "a_b [0, 1] (x)"  # the control: what has no meaning stays as it is


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (FACTS, "validation images have chosen the epoch"),
        (changed("training", chosen_by=LAST_EPOCH), "No score has chosen the epoch of the weights. No further images"),
        (replace(FACTS, scores=None), "Nobody has scored it yet."),
        (changed("data", test=7), "7 test images were held back: val.py --split test scores them."),
        (changed("scores", part="all"), "include images that it has learned from"),
        (changed("scores", tuned_here=True), "decoding were chosen by these scores, too"),
        (changed("output", decoding=None), "does not separate cells that touch"),
        (changed("input", reader=replace(FACTS.input.reader, channels=5)), "It takes images of 5 channels"),
        (changed("input", reader=replace(FACTS.input.reader, channels=2)), "The channels must be the stains"),
        (changed("input", reader=replace(FACTS.input.reader, channels=1)), "It takes grey images"),
    ],
)
def test_limits(facts, expected):
    assert any(expected in sentence for sentence in limits_of(facts))
    assert expected in model_card(facts)
    assert facts is FACTS or expected not in model_card(FACTS)


def test_a_card_without_texts():
    card = model_card(replace(changed("data", source=None, licence=None, fingerprint=None), scores=None))
    assert "| licence | not stated |" in card
    assert "`python val.py --run <run>` makes them" in card


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (FACTS, "8-bit pixels stay as they are. Of pixels of other types, the 0.1 and 99.9 percentiles of each image"),
        (changed("input", reader=replace(FACTS.input.reader, intensity="image")), "The 0.1 and 99.9 percentiles"),
        (changed("input", reader=replace(FACTS.input.reader, intensity="run", limits=(3, 900))), "The values (3, 900)"),
        (changed("input", reader=replace(FACTS.input.reader, channels=1)), "luminance, 0.299 R + 0.587 G + 0.114 B"),
        (
            changed("input", reader=replace(FACTS.input.reader, select=("DAPI", 2))),
            "DAPI, 2 of the file, in this order",
        ),
        (changed("input", overlap=None), "The whole image is resized to 128×96"),
        (changed("output", threshold=None, activation="softmax"), "softmax over the channels gives maps"),
        (changed("output", threshold=None), "the class with the largest logit"),
    ],
)
def test_steps_before_and_after(facts, expected):
    assert expected in model_card(facts)


def test_scores_of_other_trainings():
    own = {"run": "outputs/a", "epoch": 7, "images": 9, "iou": 0.5, "weights": FACTS.training.weights}
    other = {"run": "/secret/b", "epoch": 3, "images": 8, "iou": 0.25, "ap_50": 0.1, "pq": "high", "weights": "crc32 0"}
    card = model_card(
        replace(FACTS, scores=None), summaries={"val": own, EVIL: other}, notes="Measured on grey images."
    )
    assert "| what | run | weights | images | IoU | AP@.5 |" in card
    assert "| val | a, epoch 7 | these | 9 | 0.500 | – |" in card
    assert "| b, epoch 3 | others | 8 | 0.250 | 0.100 |" in card
    assert "secret" not in card
    assert "Nobody has scored it yet" not in card
    assert "makes them" not in card
    assert "\n\nMeasured on grey images.\n\n## How to use it" in card
    assert "(such as 0.25 to 1 µm). For all other kinds the quality is not known." in card
    both = model_card(FACTS, summaries={"fold 1": other})
    assert "| ap_50 | 0.7500 | 0.7011 to 0.8022 |" in both
    assert "| fold 1 | b, epoch 3 | others |" in both


def test_another_way_of_use_stands_in_place_of_the_tensors():
    card = model_card(FACTS, usage="    python predict.py")
    assert "## How to use it\n\n    python predict.py\n\n## Data" in card
    assert "Input `pixels`" not in card


def test_scores_of_a_test_part_have_no_reservation():
    card = model_card(changed("scores", part="test"))
    assert "133 test images were scored" in card
    assert "have chosen the epoch" not in card
    assert "have chosen the epoch" in model_card(FACTS)  # the control
