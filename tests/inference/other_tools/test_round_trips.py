"""Label map → file of another tool → label map, with the tool's own library where it is installed."""

import json
import zipfile

import numpy as np
import pytest
import tifffile
from support.cell_maps import DIAGONAL, NESTED, RING, discs, filled, noise
from support.imported_sets import png, stored

from datasets.prepare.coco.prepare import prepare
from images.reading import read_image
from inference.other_tools.cellpose import write_cellpose
from inference.other_tools.cells import LabelMap
from inference.other_tools.coco import write_coco
from inference.other_tools.geojson import write_geojson
from system.errors import DataError

MAPS = {
    "discs": discs(30),
    "ring": RING,
    "nested": NESTED,
    "diagonal": DIAGONAL,
    "full": np.ones((4, 3), np.uint8),
    "columns": np.array([[1, 1, 0, 2], [1, 1, 0, 2], [1, 1, 3, 2]]),  # runs that go on in the next column
    "empty": np.zeros((5, 7), np.uint16),
    **{f"noise {seed}": noise(seed) for seed in range(6)},
}
NAMES = ["a&b, 'c'", "A01/Zelle ☃ 細胞"]
HTML = '<b>a&b</b>, "c"\'d\\'  # a name that our importer refuses, because Windows has no such files


@pytest.fixture(params=MAPS.values(), ids=MAPS)
def labels(request):
    return request.param


def as_map(labels, *, name="a", file="a.png", class_name="nucleus", sure=None):
    return LabelMap(name, file, labels, class_name, {} if sure is None else sure)


def test_geojson(labels, tmp_path):
    """The polygons are filled here with a rule of their own; every coordinate is a corner of pixels."""
    write_geojson(tmp_path / "a.geojson", as_map(labels))
    content = json.loads((tmp_path / "a.geojson").read_text(encoding="utf-8"))
    assert content["type"] == "FeatureCollection"
    back = np.zeros(labels.shape, np.int64)
    for feature in content["features"]:
        geometry, properties = feature["geometry"], feature["properties"]
        polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
        assert all(ring[0] == ring[-1] for polygon in polygons for ring in polygon)
        inside = filled([ring[:-1] for polygon in polygons for ring in polygon], labels.shape)
        assert not back[inside].any()
        back[inside] = int(properties["name"])
        assert properties["measurements"] == {"area": np.count_nonzero(inside)}
        assert (properties["objectType"], properties["classification"]) == ("detection", {"name": "nucleus"})
    assert np.array_equal(back, labels)


def test_names_of_geojson_are_readable(tmp_path):
    write_geojson(tmp_path / "a.geojson", as_map(DIAGONAL, class_name="細胞"))
    assert '"name":"細胞"' in (tmp_path / "a.geojson").read_text(encoding="utf-8")


def test_coco_refuses_more_pixels_than_it_can_count(tmp_path):
    vast = np.broadcast_to(np.uint8(0), (2**16, 2**16))  # takes no memory
    with pytest.raises(DataError, match=r"65536x65536 pixels \(HxW\); COCO counts at most 4294967295"):
        write_coco(tmp_path / "a.json", [as_map(vast)])
    assert not (tmp_path / "a.json").exists()


def test_small_rois_have_whole_coordinates_only(tmp_path):
    roifile = pytest.importorskip("roifile", reason="roifile is not installed")
    from inference.other_tools.roi import write_roi

    write_roi(tmp_path / "a.zip", as_map(discs(3)))
    rois = roifile.roiread(tmp_path / "a.zip")
    assert len(rois) > 1
    assert all(roi.subpixel_coordinates is None for roi in rois)
    assert not any(roi.options & roifile.ROI_OPTIONS.SUB_PIXEL_RESOLUTION for roi in rois)


def test_geojson_in_shapely(labels, tmp_path):
    geometry = pytest.importorskip("shapely.geometry", reason="shapely is not installed")
    write_geojson(tmp_path / "a.geojson", as_map(labels))
    for feature in json.loads((tmp_path / "a.geojson").read_text())["features"]:
        shape = geometry.shape(feature["geometry"])
        assert shape.is_valid
        assert shape.area == np.count_nonzero(labels == int(feature["properties"]["name"]))


def test_roi(labels, tmp_path):
    roifile = pytest.importorskip("roifile", reason="roifile is not installed")
    from inference.other_tools.roi import write_roi

    sure = {int(label): 0.25 for label in np.unique(labels)}
    write_roi(tmp_path / "a.zip", as_map(labels, sure=sure))
    back = np.zeros(labels.shape, np.int64)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.testzip() is None
        assert not any(entry.flag_bits & 8 for entry in archive.infolist())  # Java cannot stream such entries
        rois = [roifile.ImagejRoi.frombytes(archive.read(name)) for name in archive.namelist()]
        assert archive.namelist() == [f"{roi.name}.roi" for roi in rois]
    for roi in rois:
        rings = roi.coordinates(multi=True)
        inside = filled(rings if isinstance(rings, list) else [rings], labels.shape)
        assert not back[inside].any()
        back[inside] = int(roi.name)
        rows, columns = np.nonzero(inside)
        box = [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
        assert [roi.top, roi.left, roi.bottom, roi.right] == box
        assert roi.properties == {"confidence": 0.25}
    assert np.array_equal(back, labels)


def test_a_roi_far_from_the_corner(tmp_path):
    """Beyond what 16 bits hold, the corners are floats, as ImageJ's own."""
    roifile = pytest.importorskip("roifile", reason="roifile is not installed")
    from inference.other_tools.roi import write_roi

    labels = np.zeros((2, 70_000), np.uint8)
    labels[0, 69_990:69_995], labels[1, 3], labels[0, 50_000] = 1, 2, 3
    write_roi(tmp_path / "a.zip", as_map(labels))
    found = {roi.name: sorted(map(tuple, roi.coordinates().tolist())) for roi in roifile.roiread(tmp_path / "a.zip")}
    assert found["1"] == [(69_990, 0), (69_990, 1), (69_995, 0), (69_995, 1)]
    assert found["2"] == [(3, 1), (3, 2), (4, 1), (4, 2)]
    assert found["3"] == [(50_000, 0), (50_000, 1), (50_001, 0), (50_001, 1)]


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
def test_coco_in_pycocotools(tmp_path):
    """Codes, boxes and areas are those of pycocotools, to the letter."""
    masks = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")
    from pycocotools.coco import COCO

    maps = list(MAPS.values())
    written = [as_map(one, file=f"{number}.png", sure={1: 0.5}) for number, one in enumerate(maps)]
    write_coco(tmp_path / "coco.json", written)
    opened = COCO(tmp_path / "coco.json")
    assert opened.loadCats([1]) == [{"id": 1, "name": "nucleus"}]
    for number, labels in enumerate(maps):
        (image,) = opened.loadImgs([number + 1])
        assert (image["file_name"], image["height"], image["width"]) == (f"{number}.png", *labels.shape)
        found = opened.loadAnns(opened.getAnnIds([number + 1]))
        back = np.zeros(labels.shape, np.int64)
        for one in found:
            mask = labels == one["label"]
            assert one["segmentation"]["counts"] == masks.encode(np.asfortranarray(mask))["counts"].decode()
            assert one["bbox"] == masks.toBbox(one["segmentation"]).tolist()
            assert one["area"] == np.count_nonzero(mask)
            assert one.get("score") == (0.5 if one["label"] == 1 else None)
            back[opened.annToMask(one) > 0] = one["label"]
        assert np.array_equal(back, labels)


def test_our_importer_reads_coco_back(tmp_path):
    """Names with folders, quotes, commas, HTML and other scripts are kept; so are images without cells."""
    maps = {name: discs(5 + number).astype(np.uint16) for number, name in enumerate(["plain", *NAMES])}
    maps["none"] = np.zeros((6, 9), np.uint16)
    for name, labels in maps.items():
        path = tmp_path / "images" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(np.zeros(labels.shape, np.uint8)))
    written = [as_map(labels, name=name, file=f"{name}.png", class_name="b, c") for name, labels in maps.items()]
    write_coco(tmp_path / "coco.json", written)
    summary = prepare(tmp_path / "coco.json", tmp_path / "out", images=tmp_path / "images", workers=1)
    assert summary.images == 4
    for name, labels in maps.items():
        assert np.array_equal(stored(tmp_path / "out" / "labels" / f"{name}.png"), labels)
    assert (tmp_path / "out" / "masks" / "b, c").is_dir()


def test_hostile_names_are_text_in_json(tmp_path):
    hostile = as_map(discs(1), file=HTML, class_name=HTML)
    write_geojson(tmp_path / "a.geojson", hostile)
    write_coco(tmp_path / "coco.json", [hostile])
    (feature,) = json.loads((tmp_path / "a.geojson").read_text(encoding="utf-8"))["features"]
    assert feature["properties"]["classification"]["name"] == HTML
    content = json.loads((tmp_path / "coco.json").read_text(encoding="utf-8"))
    assert (content["images"][0]["file_name"], content["categories"][0]["name"]) == (HTML, HTML)


def test_cellpose(labels, tmp_path):
    if labels.max() >= 2**31:
        pytest.skip("not in these maps")
    write_cellpose(tmp_path / "a_cp_masks.tif", as_map(labels))
    back = tifffile.imread(tmp_path / "a_cp_masks.tif")
    assert back.dtype == (np.uint16 if labels.max() < 2**16 else np.uint32)
    assert np.array_equal(back, labels)


def test_ome_zarr(labels, tmp_path):
    """The package zarr reads the labels, and so does our reader of images."""
    zarr = pytest.importorskip("zarr", minversion="3", reason="zarr 3 is not installed")
    from inference.other_tools.ome_zarr import write_ome_zarr

    write_ome_zarr(tmp_path / "a.zarr", as_map(labels))
    assert np.array_equal(zarr.open_group(tmp_path / "a.zarr", mode="r")["0"][:], labels)
    assert np.array_equal(read_image(tmp_path / "a.zarr")[..., 0], labels)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]
    write_ome_zarr(tmp_path / "a.zarr", as_map(labels))  # it replaces what is there
    assert np.array_equal(read_image(tmp_path / "a.zarr")[..., 0], labels)


@pytest.mark.filterwarnings("ignore")
def test_the_pyramid_in_the_reader_of_napari(tmp_path):
    pytest.importorskip("ome_zarr", reason="ome-zarr is not installed")
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Label, Multiscales, Reader

    from inference.other_tools.ome_zarr import write_ome_zarr

    labels = np.pad(discs(7000), ((0, 1100), (0, 3)))  # 2108 × 1011
    write_ome_zarr(tmp_path / "a.zarr", as_map(labels, sure={1: 0.5, 2: 0.75}))
    (node,) = Reader(parse_url(tmp_path / "a.zarr", mode="r"))()
    assert {type(spec) for spec in node.specs} == {Label, Multiscales}
    assert [np.asarray(level).shape for level in node.data] == [
        labels.shape,
        labels[::2, ::2].shape,
        labels[::4, ::4].shape,
    ]
    assert np.array_equal(np.asarray(node.data[0]), labels)
    assert np.array_equal(np.asarray(node.data[2]), labels[::4, ::4])
    assert node.metadata["properties"] == {1: {"confidence": 0.5}, 2: {"confidence": 0.75}}
    scales = [one[0]["scale"] for one in node.metadata["coordinateTransformations"]]
    assert scales == [[1, 1], [2, 2], [4, 4]]
