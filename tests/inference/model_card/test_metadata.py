"""The metadata of an exported file, and its sentences about channels."""

from dataclasses import asdict, replace

import pytest
from support.model_facts import FACTS

from images.image_reader import ImageReader
from inference.model_card.metadata import metadata_of
from inference.model_card.usage import steps_before


def test_what_a_program_reads():
    found = metadata_of(FACTS)
    assert found["decode"] == asdict(FACTS.output.decoding)
    assert found["normalisation"] == FACTS.input.normalise.to_dict() | {"inside_the_file": True}
    assert (found["tile"], found["overlap"], found["threshold"]) == ([128, 96], 48, 0.5)
    assert found["input"] == "pixels: float32 [N, 3, 128, 96], from 0 to 255, any N"
    assert metadata_of(replace(FACTS, output=replace(FACTS.output, decoding=None)))["decode"] is None


@pytest.mark.parametrize(
    ("channels", "words"), [(1, "sees 1 channel,"), (2, "sees 2 channels,"), (3, "sees 3 channels")]
)
def test_one_channel_and_several(channels, words):
    steps = steps_before(replace(FACTS.input, reader=ImageReader(channels)))
    assert any(words in step for step in steps)
