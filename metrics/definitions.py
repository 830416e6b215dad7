"""What each score means, in a sentence. val.py writes them beside the scores, into summary.json."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

RULE = "TP, FP and FN are pixels, added up over all images before the division."
OF_IMAGES = "the mean over the images; an image without a true and without a predicted one counts 1."
AT_50 = "at an IoU above 0.5"

PIXELS = {
    "iou": f"Intersection over union, TP / (TP + FP + FN). {RULE}",
    "dice": f"Dice coefficient, 2 TP / (2 TP + FP + FN), which is also the F1 score. {RULE}",
    "precision": f"The share of the predicted pixels that are right, TP / (TP + FP). {RULE}",
    "recall": f"The share of the true pixels that are found, TP / (TP + FN). {RULE}",
    "iou_per_image": f"The IoU of the pixels of each image, and then {OF_IMAGES}",
    "dice_per_image": f"The Dice coefficient of the pixels of each image, and then {OF_IMAGES}",
}
OBJECTS = {
    "ap": "The mean of ap_50, ap_55, … ap_95 (Caicedo et al. 2019). It is not the AP of COCO, an area under a curve.",
    "precision_50": f"The share of the predicted cells that match a true one {AT_50}.",
    "recall_50": f"The share of the true cells that match a predicted one {AT_50}.",
    "pq": "Panoptic quality, sq · dq (Kirillov et al. 2019).",
    "sq": f"Segmentation quality, the mean IoU of the cells that match {AT_50}; 0 if none does.",
    "dq": "Detection quality, which equals f1_50.",
    "aji": "Aggregated Jaccard index (Kumar et al. 2017), from pixels added up over all images.",
    "aji_plus": "Aggregated Jaccard index with one-to-one matches (Graham et al. 2019).",
    "true_objects": "The number of true cells.",
    "predicted_objects": "The number of predicted cells.",
    "count_error": "|predicted − true| / true of the numbers of cells in the whole set.",
    "count_bias": "(predicted − true) / true of the numbers of cells in the whole set; above 0 if there are too many.",
    "ap_50_per_image": f"The ap_50 of each image, and then {OF_IMAGES}",
    "f1_50_per_image": f"The f1_50 of each image, and then {OF_IMAGES}",
    "pq_per_image": f"The pq of each image, and then {OF_IMAGES}",
    "aji_per_image": f"The aji of each image, and then {OF_IMAGES}",
    "aji_plus_per_image": f"The aji_plus of each image, and then {OF_IMAGES}",
    "bowl": "The mean over the images of their ap, the score of the 2018 Data Science Bowl.",
    "count_error_per_image": "The mean of the count_error of each image that has true cells.",
}
# The name ends with a threshold in percent, such as ap_75.
AT_THRESHOLD = {
    "ap": "Average precision TP / (TP + FP + FN) of cells, which match at an IoU above {}; added up over all images.",
    "f1": "F1 score 2 TP / (2 TP + FP + FN) of cells, which match at an IoU above {}; added up over all images.",
}


def definitions(names: Iterable[str], classes: Sequence[str] = (), *, background: bool = False) -> dict[str, str]:
    """Returns name → definition of scores, in the order of the names.

    Args:
        names: names of scores, as `Scores.columns` and `InstanceCounts.compute` return them.
        classes: the names of the classes. With several, a score without a class is a mean over them.
        background: the first class is the background, which such means leave out.

    Raises:
        KeyError: a name is not that of a score.
    """
    of_class = {f"{name}_{label}": (name, label) for name in PIXELS for label in classes}
    mean = f" This is the mean over the classes{', without the background' if background else ''}."
    found = {}
    for name in names:
        base, _, percent = name.rpartition("_")
        if name in of_class and name not in PIXELS:
            score, label = of_class[name]
            found[name] = f"{PIXELS[score]} Only the class {label} counts."
        elif base in AT_THRESHOLD and percent.isdigit():
            found[name] = AT_THRESHOLD[base].format(int(percent) / 100)
        elif name in PIXELS:
            found[name] = PIXELS[name] + (mean if len(classes) > 1 else "")
        else:
            found[name] = OBJECTS[name]
    return found
