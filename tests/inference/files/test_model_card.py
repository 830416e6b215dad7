"""The model card states what it is given, and what is not known."""

import dataclasses

from inference.files.model_card import ModelFacts, model_card

FACTS = ModelFacts(
    name="nuclei",
    task="distance",
    classes=("nucleus",),
    has_cells=True,
    network="UNet, filters 4, 6",
    parameters=1234567,
    precision="float32",
    epoch=7,
    channels=3,
    geometry="tiles of 128×128 pixels at native scale",
    intensity="image",
    data="dsb2018",
    source=None,
    data_licence=None,
    images=None,
    sizes=None,
    fingerprint=None,
    seal="crc32 12345678",
    licence="CC0-1.0",
)


def test_without_scores_it_says_so_and_claims_nothing():
    card = model_card(FACTS, {}, use="    python predict.py")
    assert "No scores were given when this card was written." in card
    assert card.count("not known") >= 5
    assert "| parameters | 1,234,567, stored as float32 |" in card
    assert "0.25 to 1 µm" in card.split("## Scope")[1].split("## Licence")[0]
    assert card.endswith("The weights: CC0-1.0.\n")


def test_scores_say_whose_weights_they_are_of():
    own = {"run": "outputs/a", "epoch": 7, "images": 9, "iou": 0.5, "weights": FACTS.seal}
    other = {"run": "/secret/b", "epoch": 3, "images": 8, "iou": 0.25, "ap_50": 0.1, "weights": "crc32 0"}
    card = model_card(FACTS, {"val": own, "fold 1": other}, use="")
    assert "| what | run | weights | images | IoU | AP@.5 |" in card
    assert "| val | a, epoch 7 | these | 9 | 0.500 | – |" in card
    assert "| fold 1 | b, epoch 3 | others | 8 | 0.250 | 0.100 |" in card
    assert "secret" not in card


def test_foreign_text_ends_no_cell_and_begins_no_html():
    facts = dataclasses.replace(FACTS, source="a | b\n## Licence\n<img src=x>", classes=("x|y",))
    card = model_card(facts, {}, use="")
    assert "| source | a \\| b ## Licence &lt;img src=x> |" in card
    assert card.count("\n## Licence\n") == 1


def test_masks_and_stains():
    card = model_card(dataclasses.replace(FACTS, has_cells=False, channels=5, intensity="run"), {}, use="")
    assert "finds masks in images" in card
    assert "Images of 5 channels of 8 bits" in card
    assert "5 stains in their order" in card
