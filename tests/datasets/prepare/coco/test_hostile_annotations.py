"""Annotations that anybody may have written: each fault is refused by name, quickly, and nothing is left."""

import copy
import json
import random
import time

import pytest
from support.coco_sets import annotation, box, images, one_class, source_of

from datasets.prepare.coco.annotations import parse_json
from datasets.prepare.coco.prepare import prepare
from system.errors import DataError, ReportedError


def changed(*path, to):
    """The content with another value at a place; `...` as the last key appends it."""
    content = one_class()
    place = content
    for key in path[:-1]:
        place = place[key]
    if path[-1] is ...:
        place.append(to)
    else:
        place[path[-1]] = to
    return content


def image(**changes):
    return {"id": 10, "file_name": "d.png", "height": 16, "width": 20} | changes


def outline(segmentation, **changes):
    return changed("annotations", 0, to=annotation(1, 7, 3, segmentation) | changes)


def rle(counts, size=(16, 20)):
    return outline({"size": list(size), "counts": counts})


FAULTS = {
    "1e9 pixels": (changed("images", 0, "width", to=10**9), r"image 'a\.png' has height 16 and width 1000000000"),
    "1e5000 pixels": (changed("images", 0, "width", to=10**4000), "a number of more than 20 digits"),
    "no pixels": (changed("images", 0, "height", to=0), "has height 0 and width 20"),
    "sides as text": (changed("images", 0, "height", to="16"), "has height '16'"),
    "sides as booleans": (changed("images", 0, "height", to=True), "has height True"),
    "an image without an id": (changed("images", ..., to={"file_name": "x.png"}), r"'x\.png' has no id"),
    "an image without a name": (changed("images", ..., to={"id": 10}), "image number 3 has no id or no file_name"),
    "an image that is none": (changed("images", ..., to=[1]), "image number 3 has no id"),
    "an id that is a list": (changed("images", ..., to=image(id=[1])), r"'d\.png' has no id"),
    "an id twice": (changed("images", ..., to=image(id=7)), r"'d\.png' has the id 7 of 'a\.png'"),
    "a name twice": (changed("images", ..., to=image(file_name="a.png")), r"'a\.png' has the same stem as 'a\.png'"),
    "a stem twice": (changed("images", ..., to=image(file_name="A.tif")), r"'A\.tif' has the same stem as 'a\.png'"),
    "a way out": (changed("images", 0, "file_name", to="../a.png"), r"'\.\./a\.png' cannot name a file"),
    "a path from the root": (changed("images", 0, "file_name", to="/etc/passwd.png"), "cannot name a file"),
    "a path of Windows": (changed("images", 0, "file_name", to="c\\a.png"), "cannot name a file"),
    "half a letter": (changed("images", 0, "file_name", to="\ud800.png"), "cannot name a file"),
    "an empty name": (changed("images", 0, "file_name", to=""), "cannot name a file"),
    "a film": (changed("images", 0, "file_name", to="a.mp4"), r"'a\.mp4' is of a format that is not read"),
    "no images": (changed("images", to=[]), "its list of images is empty"),
    "no lists": (changed("images", to={}), "expected an object with the lists images, annotations, categories"),
    "no annotations": (changed("annotations", to=[]), "no annotated objects of any category"),
    "a category without a name": (changed("categories", ..., to={"id": 9}), "category number 2 has no id or no name"),
    "a category twice": (changed("categories", ..., to={"id": 9, "name": "Cell"}), "'Cell', has the id or the name"),
    "a category as a path": (changed("categories", 0, "name", to="a/b"), "category 'a/b' cannot name a folder"),
    "an unknown image": (changed("annotations", 0, "image_id", to=99), "annotation 1 has the image_id 99, which"),
    "no image": (changed("annotations", 0, to={"id": 1}), "annotation 1 has the image_id None"),
    "an image that is a list": (changed("annotations", 0, "image_id", to=[7]), "has the image_id a list of 1"),
    "an unknown category": (changed("annotations", 0, "category_id", to=8), "has the category_id 8"),
    "an annotation that is none": (changed("annotations", 0, to=None), "annotation number 0 is None"),
    "a crowd of 2": (outline([box(1, 1, 3, 3)], iscrowd=2), "iscrowd 2; 0 and 1 are allowed"),
    "a box only": (outline([], bbox=[1, 2, 3, 4]), "annotation 1 has a box only"),
    "no outline": (outline(None), "annotation 1 has the segmentation None"),
    "two points": (outline([[1, 1, 2, 2]]), "the polygon a list of 4; x and y of three or more points"),
    "half a point": (outline([[1, 1, 2, 2, 3, 3, 4]]), "the polygon a list of 7"),
    "points in lists": (outline([[[1, 1], [2, 2], [3, 3]]]), "the polygon a list of 3"),
    "ragged points": (outline([[1, [2, 3], 4, 5, 6, 7]]), "the polygon a list of 6"),
    "points as text": (outline([["1", "1", "2", "2", "3", "1"]]), "the polygon a list of 6"),
    "a polygon as text": (outline(["1, 1, 2, 2"]), "the polygon '1, 1, 2, 2'"),
    "far away": (outline([[0, 0, 1e300, 0, 0, 1e300]]), "has coordinates beyond 10000000 pixels"),
    "outside": (outline([box(30, 2, 33, 4)]), r"lies outside of its image of 16x20 \(HxW\), at 30, 2, 33, 4"),
    "another size": (rle([320], size=(20, 16)), "has runs for the size a list of 2, but its image has"),
    "a size without end": (rle([10**18], size=(10**9, 10**9)), "has runs for the size"),
    "huge runs": (rle([10**18]), r"annotation 1 cannot be drawn: its 1 runs do not fit: they need 320 pixels"),
    "runs above 64 bits": (rle([10**30]), "its runs are no list of whole numbers"),
    "sums that overflow": (rle([2**62, 2**62, 2**62, 2**62, 320]), "its 5 runs do not fit"),
    "negative runs": (rle([-20, 340]), "its 2 runs do not fit"),
    "fractions": (rle([0.5, 319.5]), "its runs are no list of whole numbers"),
    "no runs": (rle([]), "has the counts a list of 0"),
    "runs as a number": (rle(320), "has the counts 320"),
    "a code of no letters": (rle("~~~"), "annotation 1 cannot be drawn: its code holds '~'"),
    "a code without end": (rle("o" * 10**6), "its code has a number of more than 6 letters"),
}


@pytest.mark.parametrize(("content", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_refused_by_name_and_nothing_is_left(tmp_path, content, message):
    folder = source_of(tmp_path / "set", json.dumps(content).encode())
    started = time.process_time()
    with pytest.raises(DataError, match=message) as caught:
        prepare(folder, tmp_path / "out", workers=1)
    assert time.process_time() - started < 1
    assert len(str(caught.value)) < 1000 + len(str(folder))
    str(caught.value).encode()
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_the_control_is_accepted(tmp_path):
    assert prepare(source_of(tmp_path / "set", one_class()), tmp_path / "out", workers=1).images == 3


TEXTS = {
    "nan": (b'{"images": [NaN]}', "it holds NaN"),
    "infinity": (b'{"images": [-Infinity]}', "it holds -Infinity"),
    "no UTF-8": (b'{"images": ["\xff\xfe"]}', "not a readable JSON file"),
    "nested": (b'{"images": ' + b"[" * 10**6 + b"]" * 10**6 + b"}", "nested too deeply"),
    "nested objects": (b'{"a":' * 10**5 + b"1" + b"}" * 10**5, "nested too deeply"),
    "cut off": (json.dumps(one_class()).encode()[:-9], "not a readable JSON file"),
    "empty": (b"", "not a readable JSON file"),
    "a number of 10,000 digits": (b'{"images": ' + b"9" * 10**4 + b"}", "not a readable JSON file"),
    "a list": (b"[1, 2]", "no annotations of COCO"),
    "results": (json.dumps([{"image_id": 1, "score": 0.5}]).encode(), "no annotations of COCO"),
}


@pytest.mark.parametrize(("text", "message"), TEXTS.values(), ids=TEXTS.keys())
def test_a_file_that_is_no_annotations(text, message):
    with pytest.raises(DataError, match=message):
        parse_json(text, "a.json")


def test_infinity_by_a_large_exponent_is_refused(tmp_path):
    text = json.dumps(outline([[0, 0, 5.5, 0, 0, 5]])).replace("5.5", "1e999").encode()
    with pytest.raises(DataError, match="coordinates beyond"):
        prepare(source_of(tmp_path / "set", text), tmp_path / "out", workers=1)


def test_all_faults_are_counted_and_the_first_are_named(tmp_path):
    content = one_class()
    content["annotations"] = [annotation(number, 99, 3, [box(1, 1, 3, 3)]) for number in range(5000)]
    with pytest.raises(DataError, match="5000 problems") as caught:
        prepare(source_of(tmp_path / "set", content), tmp_path / "out", workers=1)
    assert str(caught.value).splitlines()[-1] == "  … and 4990 more"


VALUES = (None, True, -1, 0, 1.5, 1e308, 10**30, "", "x", "../x", "\ud800", [], {}, [[]], [1, 2, 3, 4, 5, 6], "a" * 300)


def mutate(rng, value):
    """The value, with one place in it replaced or removed at random."""
    if isinstance(value, dict | list) and value and rng.random() < 0.9:
        key = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
        if rng.random() < 0.1:
            del value[key]
        else:
            value[key] = mutate(rng, value[key])
        return value
    return copy.deepcopy(rng.choice(VALUES))


@pytest.mark.slow
def test_random_changes_end_in_a_set_or_in_a_reported_error(tmp_path):
    rng = random.Random(0)
    folder = source_of(tmp_path / "set", one_class(), images())
    outcomes = set()
    for trial in range(400):
        content = one_class()
        for _ in range(rng.randint(1, 2)):
            content = mutate(rng, content)
        (folder / "annotations/instances.json").write_text(json.dumps(content))
        try:
            prepare(folder, tmp_path / "out" / str(trial), workers=1)
            outcomes.add("a set")
        except ReportedError as error:
            outcomes.add(type(error).__name__)
    assert {"a set", "DataError"} <= outcomes <= {"a set", "DataError", "FileError"}
