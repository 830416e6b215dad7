"""Agreement with torchmetrics, an independent implementation, where the definitions meet."""

import pytest
import torch

from metrics import ConfusionMatrix, SegmentationCounts

pytestmark = pytest.mark.slow

PAIRS = {"iou": "jaccard_index", "dice": "f1_score", "precision": "precision", "recall": "recall"}


@pytest.fixture
def reference():
    """Imported here, because it takes seconds, which the fast tests do without."""
    why = "torchmetrics is not installed: pip install torchmetrics"
    return pytest.importorskip("torchmetrics.functional.classification", reason=why)


@pytest.fixture(params=range(3))
def drawn(request):
    """Predicted and true class indices [4, 9, 11] of four classes, some of it void."""
    torch.manual_seed(request.param)
    target = torch.randint(0, 4, (4, 9, 11))
    prediction = torch.where(torch.rand(4, 9, 11) < 0.5, target, torch.randint(0, 4, (4, 9, 11)))
    return prediction, target.masked_fill(torch.rand(4, 9, 11) < 0.1, 255)


@pytest.mark.parametrize("ours", PAIRS)
def test_classes_that_exclude_each_other(reference, drawn, ours):
    prediction, target = drawn
    counts = SegmentationCounts("abcd")
    counts.update(torch.stack([prediction == k for k in range(4)], 1), target)
    theirs = getattr(reference, f"multiclass_{PAIRS[ours]}")
    expected = theirs(prediction, target, num_classes=4, average=None, ignore_index=255)
    assert [of[ours] for of in counts.compute().per_class.values()] == pytest.approx(expected.tolist(), abs=1e-6)
    mean = theirs(prediction, target, num_classes=4, average="macro", ignore_index=255)
    assert getattr(counts.compute(), ours) == pytest.approx(mean.item(), abs=1e-6)


@pytest.mark.parametrize("ours", PAIRS)
def test_classes_that_overlap(reference, drawn, ours):
    prediction, target = (torch.stack([one == k for k in range(4)], 1) for one in drawn)
    prediction[:, 1] |= prediction[:, 0]
    target[:, 1] |= target[:, 0]
    counts = SegmentationCounts("abcd")
    counts.update(prediction, target)
    theirs = getattr(reference, f"multilabel_{PAIRS[ours]}")
    expected = theirs(prediction.long(), target.long(), num_labels=4, average=None)
    assert [of[ours] for of in counts.compute().per_class.values()] == pytest.approx(expected.tolist(), abs=1e-6)


def test_the_confusion_matrix(reference, drawn):
    prediction, target = drawn
    matrix = ConfusionMatrix(4)
    matrix.update(torch.stack([prediction == k for k in range(4)], 1), target)
    expected = reference.multiclass_confusion_matrix(prediction, target, num_classes=4, ignore_index=255)
    assert matrix.counts.equal(expected)
