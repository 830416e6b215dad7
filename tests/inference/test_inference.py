"""Logits → masks and pictures."""

import numpy as np
import pytest
import torch

from images.resize import resize_logits
from inference.files.overlays import PREDICTION, TILE, TRUTH, Overlay, contact_sheet, draw_outlines
from inference.files.score_report import best_median_worst
from tasks.multilabel import Multilabel

DECIDE = Multilabel(("a", "b")).decide


def test_masks_come_at_the_size_of_the_image():
    logits = torch.full((2, 8, 8), -4.0)
    logits[0, 2:6, 2:6] = 4.0
    masks = DECIDE(resize_logits(logits, (32, 24))[None])[0]
    assert (masks.shape, masks.dtype) == ((2, 32, 24), torch.bool)
    rows, columns = np.nonzero(masks[0].numpy())
    assert (rows.mean(), columns.mean()) == pytest.approx((15.5, 11.5))  # centred, as in the logits
    assert masks[0].sum().item() == pytest.approx(16 * 12, abs=12)
    assert not masks[1].any()


def overlay(height=20, width=30):
    image = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    truth, prediction = np.zeros((2, height, width, 1), np.uint8)
    truth[4:9, 5:12], prediction[11:15, 14:20] = 1, 1
    return Overlay("IoU 0.5", image, truth, prediction)


def test_both_outlines_are_drawn_where_they_belong():
    drawn = overlay()
    tile = draw_outlines(drawn.image, [drawn.truth[..., 0], drawn.prediction[..., 0]], [TRUTH, PREDICTION])
    assert tile.shape == (TILE, TILE, 3)
    scale, top = TILE / 30, (TILE - round(20 * TILE / 30)) // 2
    for colour, rows, columns in ((TRUTH, (4, 9), (5, 12)), (PREDICTION, (11, 15), (14, 20))):
        y, x = np.nonzero((tile == colour).all(-1))
        assert (y.min(), y.max()) == pytest.approx([top + rows[0] * scale, top + rows[1] * scale], abs=scale / 2)
        assert (x.min(), x.max()) == pytest.approx([columns[0] * scale, columns[1] * scale], abs=scale / 2)


def test_a_sheet_has_a_row_per_group():
    sheet = contact_sheet([("best", [overlay(), overlay(64, 9)]), ("worst", [overlay(1, 1)])])
    assert sheet.dtype == np.uint8
    assert sheet.shape[0] > 2 * TILE
    assert sheet.shape[1] > 2 * TILE


@pytest.mark.parametrize("count", [1, 2, 3, 5, 12, 133])
def test_best_median_and_worst(count):
    groups = dict(best_median_worst(np.arange(count), 4))
    assert groups["best"][0] == 0
    assert groups["worst"][-1] == count - 1
    assert all(1 <= len(group) <= 4 for group in groups.values())
    assert abs(np.mean(groups["median"]) - (count - 1) / 2) <= 1
    if count >= 3:
        assert len({index for group in groups.values() for index in group}) == sum(map(len, groups.values()))
