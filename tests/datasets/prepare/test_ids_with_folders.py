"""Sets whose ids hold folders, such as plates and the parts train and test, are data folders like others."""

from support.coco_sets import images, one_class, source_of
from support.imported_sets import accepted, as_folder, grey, tif, two_cells

from datasets.prepare import cellpose, stardist
from datasets.prepare.coco.prepare import prepare as prepare_coco
from datasets.split import read_split


def test_parts_and_plates(tmp_path):
    places = [f"{part}/{{}}/{plate}/{number}.tif" for part in ("train", "test") for plate in "AB" for number in (0, 1)]
    files = {place.format("images"): tif(grey(n)) for n, place in enumerate(places)}
    files |= {place.format("masks"): tif(two_cells().astype("uint8")) for place in places}
    stardist.prepare(as_folder(tmp_path / "set", files), tmp_path / "out", workers=1)
    assert accepted(tmp_path / "out", "binary", "distance")["images"] == 8
    ids = [place.replace("/{}", "").removesuffix(".tif") for place in places]
    split = read_split(tmp_path / "out/split.csv", ids)
    assert split["train/A/0"] == "train"
    assert split["test/B/1"] == "val"


def test_cellpose_of_two_parts(tmp_path):
    files = {f"{part}/00{n}_img.png": tif(grey(n)) for part in ("train", "test") for n in (0, 1)}
    files |= {name.replace("_img", "_masks"): tif(two_cells().astype("uint16")) for name in files}
    cellpose.prepare(as_folder(tmp_path / "set", files), tmp_path / "out", workers=1)
    assert accepted(tmp_path / "out", "binary", "distance")["images"] == 4


def test_coco_with_folders_in_names(tmp_path):
    content = one_class()
    content["images"] = [{**one, "file_name": f"A01/{one['file_name']}"} for one in content["images"]]
    pictures = {f"A01/{name}": data for name, data in images().items()}
    prepare_coco(source_of(tmp_path / "set", content, pictures), tmp_path / "out", workers=1)
    assert accepted(tmp_path / "out", "binary", "distance")["images"] == 3
