"""Scores, tuning, symmetries, ensembles and files of cells, on maps that are made by hand."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from datasets.prepare.drawing import make_sample
from engine.device import choose_runtime
from engine.progress import merged
from images.image_reader import ImageReader
from images.normalise import Normalisation
from images.reading import decode_labels, read_bytes
from inference.cells.decode_file import ChosenDecoding, read_decoding, write_decoding
from inference.cells.decoding import Objects, decoding_by
from inference.cells.object_scores import ObjectScores, epochs_between_decodes
from inference.cells.tuning import StoredMaps, mean_ap, tuned
from inference.ensemble import Ensemble, ensemble
from inference.files.cell_files import CellFiles
from inference.predictor import Predictor
from inference.symmetries import SymmetricModel
from system.errors import ConfigError
from tasks.binary import Binary
from tasks.distance import Distance
from tasks.distance_maps import distance_map
from tasks.multilabel import Multilabel

TASK = Distance(("cell",))
DISTANCE = decoding_by("distance")


def logits_of(labels, *, factor=1.0):
    """The logits of a network that makes no mistake, or distances that are too small by a factor."""
    probability = torch.from_numpy(np.where(labels > 0, 4.0, -4.0))
    return torch.stack([probability, torch.from_numpy(factor * distance_map(labels)).logit(eps=1e-6)]).float()


def drawn(count, size=96):
    return [make_sample(7, index, size=size).labels for index in range(count)]


def test_true_logits_score_1_and_the_shares_of_ranks_are_the_whole():
    truth = drawn(5)
    batches = torch.stack([logits_of(labels) for labels in truth])
    whole = ObjectScores(TASK, truth, DISTANCE)
    for batch in batches.split(2):
        whole.update(batch)
    assert whole.columns()["ap_50"] > 0.95
    shares = [ObjectScores(TASK, truth[part], DISTANCE) for part in (np.s_[:2], np.s_[2:], np.s_[5:])]
    shares[0].update(batches[:2])
    shares[1].update(batches[2:])
    pooled = ObjectScores(TASK, [], DISTANCE)
    pooled.load_state_dict(merged(share.state_dict() for share in shares))
    assert pooled.columns() == whole.columns()
    nothing = ObjectScores(TASK, truth, DISTANCE)
    nothing.update(-batches)
    assert nothing.columns() == {"ap_50": 0, "ap": 0}


def test_decoding_takes_about_a_tenth_of_an_epoch_by_an_estimate():
    assert epochs_between_decodes(trained=10**7, scored=10**7, on_gpu=False) == 1
    assert epochs_between_decodes(trained=10**6, scored=10**7, on_gpu=False) == 6
    assert epochs_between_decodes(trained=10**7, scored=10**7, on_gpu=True) == 20


def test_the_score_of_tuning_by_hand():
    """Of two true cells one is found as it is, and of the other 3 of 5 pixels: above .50 and .55, not above .60."""
    truth = np.zeros((2, 12), np.int32)
    truth[0, :4], truth[0, 6:11] = 1, 2
    maps = (truth > 0).astype(np.float32)[None]
    maps[0, 0, 9:11] = 0
    how = decoding_by("components", min_area=1)
    assert mean_ap([(maps, truth)], how) == pytest.approx((2 * 1 + 8 / 3) / 10, abs=1e-12)
    assert mean_ap([((truth > 0).astype(np.float32)[None], truth)] * 2, how) == 1


def test_tuning_finds_the_threshold_of_maps_that_are_too_low(tmp_path):
    truth = drawn(4)
    images = StoredMaps(tmp_path, TASK, truth.__getitem__)
    images.add(torch.stack([logits_of(labels, factor=0.45) for labels in truth]))
    best, score, before = tuned(images, DISTANCE)
    assert before < 0.6 < 0.8 < score
    assert best.seed_threshold < 0.4
    assert mean_ap(images, best) == score
    path = tmp_path / "decode.yaml"
    assert read_decoding(path, ("distance",)) is None
    chosen = ChosenDecoding(best, tuned_on="val", epoch=3)
    write_decoding(path, chosen, scores={"mean_ap": score})
    assert read_decoding(path, ("distance", "watershed")) == chosen
    assert "tuned on the part 'val'" in chosen.describe(epoch=3)
    assert "run val.py --tune again" in chosen.describe(epoch=4)
    assert "--tune" not in chosen.describe(epoch=3)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("method: flows", r"got 'flows'; the task of this run allows distance, watershed"),
        ("seed_threshold: 1.0", "seed_threshold: got 1.0; give a number between 0 and 1"),
        ("seed_threshold: high", "seed_threshold: got 'high'"),
        ("min_area: 0", "min_area: got 0; give a whole number of pixels from 1"),
        ("min_area: 2.5", "min_area: got 2.5"),
        ("min_aera: 5", "unknown keys min_aera"),
        ("- a", "must hold keys"),
    ],
)
def test_a_decode_file_that_is_wrong_is_refused_by_name(tmp_path, text, problem):
    path = tmp_path / "decode.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"decode.yaml: .*{problem}.*correct the file, or remove it"):
        read_decoding(path, ("distance", "watershed"))
    path.write_text("min_area: 7")
    assert read_decoding(path, ("distance", "watershed")).how == decoding_by("distance", min_area=7)


class Gradient(nn.Module):
    """A network that is not symmetric: its logits are those of a pixel and of its right neighbour."""

    def forward(self, images):
        return torch.cat([images[:, :1], images[:, :1].roll(-1, dims=3)], dim=1)


@pytest.mark.parametrize("shape", [(16, 16), (16, 12)])
def test_the_mean_over_symmetries_is_symmetric(shape):
    image = torch.randn(1, 1, *shape)
    model = SymmetricModel(Gradient(), TASK)
    maps = TASK.maps(model(image))
    assert not torch.allclose(TASK.maps(Gradient()(image)).flip(3), TASK.maps(Gradient()(image.flip(3))))  # the control
    changes = [lambda x: x.flip(2), lambda x: x.flip(3)] + [lambda x: x.transpose(2, 3)] * (shape[0] == shape[1])
    for change in changes:
        torch.testing.assert_close(TASK.maps(model(change(image))), change(maps))
    torch.testing.assert_close(maps[:, :1], image.sigmoid())  # this channel is symmetric already


class Constant(nn.Module):
    """A network whose first logit is the same everywhere, and whose second map is the image."""

    def __init__(self, logit):
        super().__init__()
        self.logit = logit

    def forward(self, images):
        return torch.cat([torch.full_like(images[:, :1], self.logit), images[:, :1].logit(eps=1e-6)], dim=1)


def predictor_of(model, task=TASK, *, size=(8, 8), decoding=DISTANCE):
    return Predictor(
        model=model,
        task=task,
        reader=ImageReader(channels=1),
        normalise=Normalisation((0.0,), (1.0,)),
        size=size,
        runtime=choose_runtime("cpu", "fp32"),
        epoch=1,
        decoding=ChosenDecoding(decoding),
    )


def test_an_ensemble_averages_the_maps_of_runs_of_different_sizes():
    members = predictor_of(Constant(2.0)), predictor_of(Constant(-1.0), size=(16, 12))
    together = ensemble(members, ["a", "b"])
    assert isinstance(together, Ensemble)
    image = np.full((20, 30), 51, np.uint8)
    maps = together.maps(image)
    sigmoids = torch.tensor([2.0, -1.0]).sigmoid()
    np.testing.assert_allclose(maps[0], sigmoids.mean(), atol=1e-5)
    np.testing.assert_allclose(maps[1], 0.2, atol=1e-5)
    assert together(image)["cell"].all()  # (0.88 + 0.27) / 2 is above 0.5, and the mean of the logits is, too
    assert not together(image, threshold=0.6)["cell"].any()
    assert ensemble(members[:1], ["a"]) is members[0]


def test_runs_that_read_other_channels_are_no_ensemble():
    """Grey and RGB runs read the same files."""
    readers = {
        "grey or RGB, plane none": (ImageReader(1), ImageReader(3)),
        "grey or RGB, plane z=1": (ImageReader(3, plane="z=1"),),
        "channels 4, plane none": (ImageReader(4),),
        "channels 0, GFP, plane none": (ImageReader(2, select=(0, "GFP")), ImageReader(2, select=(0, "GFP"))),
    }
    members = {
        text: [replace(predictor_of(Constant(1.0)), reader=one) for one in those] for text, those in readers.items()
    }
    for text, those in members.items():
        ensemble(those, ["x"] * len(those))
        for other, (first, *_) in members.items():
            if other != text:
                with pytest.raises(ConfigError, match=rf"same channels and planes.*\n  a: .*{text}\n  b: .*{other}"):
                    ensemble([those[0], first], ["a", "b"])


def test_runs_of_other_tasks_or_classes_are_no_ensemble():
    one = predictor_of(Constant(2.0))
    for other, found in (
        (predictor_of(Constant(2.0), Distance(("nucleus",))), "b: Distance, classes nucleus"),
        (predictor_of(Constant(2.0), Binary(("cell",)), decoding=decoding_by("watershed")), "b: Binary, classes cell"),
    ):
        with pytest.raises(ConfigError, match=f"(?s)only runs of one task.*a: Distance, classes cell.*{found}"):
            ensemble([one, other], ["a", "b"])


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (30, 40)])
def test_an_image_without_cells_gives_empty_results(tmp_path, shape):
    predictor = predictor_of(Constant(-3.0))
    prediction = predictor.predict(np.zeros(shape, np.uint8))
    assert (prediction.objects.labels.shape, prediction.objects.labels.any()) == (shape, False)
    assert not prediction.masks.any()
    files = CellFiles(tmp_path)
    files.write("empty", prediction.objects)
    assert files.write_summary(["empty"]) == 0
    height, width = shape
    row = f"empty,0,,,0.000000,{height},{width},,,,,,no cells"
    assert (tmp_path / "images.csv").read_text().splitlines()[1] == row
    assert (tmp_path / "cells.csv").read_text().startswith("image,label,area,")
    assert len((tmp_path / "cells.csv").read_text().splitlines()) == 1


def test_a_task_without_cells_says_which_have_them():
    predictor = predictor_of(Constant(1.0), Multilabel(("a", "b")))
    object.__setattr__(predictor, "decoding", None)
    with pytest.raises(ConfigError, match="masks but no cells; cells come from task: binary, distance, border"):
        predictor.cells(np.zeros((8, 8), np.uint8))
    assert predictor.predict(np.zeros((8, 8), np.uint8)).objects is None


def test_the_files_of_cells_hold_what_scikit_image_measures(tmp_path):
    from skimage.measure import regionprops

    labels = drawn(1)[0].astype(np.int32)
    labels = np.unique(labels, return_inverse=True)[1].reshape(labels.shape).astype(np.int32)
    expected = regionprops(labels)
    confidences = np.linspace(0.5, 1, len(expected), dtype=np.float32)
    files = CellFiles(tmp_path)
    files.write("a", Objects(labels, confidences))
    stored = decode_labels(read_bytes(tmp_path / "labels" / "a.tif"), "a.tif")
    assert np.array_equal(stored, labels)
    rows = list(csv.DictReader((tmp_path / "cells" / "a.csv").read_text().splitlines()))
    assert [int(row["label"]) for row in rows] == [one.label for one in expected]
    assert [int(row["area"]) for row in rows] == [one.area for one in expected]
    found = [[float(row["centroid-0"]), float(row["centroid-1"])] for row in rows]
    np.testing.assert_allclose(found, [one.centroid for one in expected], atol=0.006)
    assert [float(row["confidence"]) for row in rows] == pytest.approx(confidences, abs=1e-4)
    assert files.write_summary(["a"]) == len(rows)
    (row,) = csv.DictReader((tmp_path / "images.csv").read_text().splitlines())
    assert float(row["median_area"]) == np.median([one.area for one in expected])
