"""The sections of a ready model's card state what they are given."""

from inference.model_card.ready import scope_section, scores_section

SEAL = "crc32 12345678"


def test_without_scores_it_says_so():
    assert scores_section({}, seal=SEAL) == "No scores were given when this card was written."


def test_scores_say_whose_weights_they_are_of():
    own = {"run": "outputs/a", "epoch": 7, "images": 9, "iou": 0.5, "weights": SEAL}
    other = {"run": "/secret/b", "epoch": 3, "images": 8, "iou": 0.25, "ap_50": 0.1, "weights": "crc32 0"}
    section = scores_section({"val": own, "fold 1": other}, seal=SEAL)
    assert "| what | run | weights | images | IoU | AP@.5 |" in section
    assert "| val | a, epoch 7 | these | 9 | 0.500 | – |" in section
    assert "| fold 1 | b, epoch 3 | others | 8 | 0.250 | 0.100 |" in section
    assert "secret" not in section


def test_foreign_text_ends_no_cell_and_begins_no_html():
    section = scores_section({"a | b\n## Licence <img src=x>": {"iou": 0.5}}, seal=SEAL)
    assert "| a \\| b \\#\\# Licence \\<img src=x\\> |" in section
    assert "\n## Licence" not in section


def test_the_scope_is_what_was_measured():
    assert "0.25 to 1 µm" in scope_section(3)
    assert scope_section(3).startswith("Grey and RGB images of 8 bits")
    assert scope_section(5).startswith("Images of 5 channels of 8 bits")
