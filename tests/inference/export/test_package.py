"""The package of BioImage.IO: what it says, and that bioimageio.core's own test passes without a network."""

import hashlib
import io
import os
import socket
import sys
import zipfile
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import tifffile
import yaml
from support.model_facts import FACTS
from support.networks import NARROW
from support.predictors import pixels_of, predictor_of

from images.image_reader import ImageReader
from inference.export import package_check
from inference.export.onnx_file import write_onnx
from inference.export.package import name_of, write_package
from inference.export.package_check import check_package, why_untestable
from inference.export.portable import portable_model
from inference.export.sample import sample_of
from inference.export.stretch import stretch_of
from inference.model_card.card import model_card
from system.errors import DataError

# Of bioimageio.spec and of what it imports, which the suite would turn into errors.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]
READERS = {
    "distance": ImageReader(),
    "multiclass": ImageReader(intensity="image"),
    "multilabel": ImageReader(5, intensity="run", limits=((0, 90), (5, 200), (0, 255), (1, 2), (30, 31))),
}


@pytest.fixture(scope="module", params=READERS)
def package(request, tmp_path_factory):
    """(path of a package, its facts, the predictor that it came from)"""
    if not find_spec("onnx") or not find_spec("onnxscript"):
        pytest.skip("onnx or onnxscript is missing")
    reader, task, tmp_path = READERS[request.param], request.param, tmp_path_factory.mktemp("package")
    overlap = 8 if task == "distance" else None
    network = {"name": "UNet", "filters": NARROW[:2], "channels": reader.channels}
    predictor = replace(predictor_of(task, overlap=overlap, **network), reader=reader)
    output = replace(
        FACTS.output, channels=predictor.task.channels, classes=predictor.task.classes, decoding=None, threshold=None
    )
    facts = replace(
        FACTS,
        input=replace(FACTS.input, reader=reader, normalise=predictor.normalise, size=(20, 28), overlap=overlap),
        output=replace(output, activation=predictor.task.activation),
    )
    model, path = portable_model(predictor), tmp_path / "bioimageio.zip"
    write_onnx(tmp_path / "model.onnx", model, shape=(reader.channels, 20, 28), metadata={})
    sample = sample_of(pixels_of(1, reader.channels)[0], model, predictor.task, stretch_of(reader))
    write_package(path, facts, onnx=tmp_path / "model.onnx", card=model_card(facts), sample=sample)
    return path, facts, predictor


def content_of(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_test_of_bioimageio_passes_without_a_network(package, monkeypatch, tmp_path):
    path = package[0]
    refuse = lambda *arguments: pytest.fail("something asks for the network")
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    if problem := why_untestable():
        assert f"it was not tested, because {problem}: python -m pip install bioimageio.core" in check_package(path)
        pytest.skip(problem)
    assert "it passed the test of bioimageio.core" in check_package(path)
    files = content_of(path)
    maps = np.load(io.BytesIO(files["test_output.npy"]))
    files["test_output.npy"] = npy(maps + 0.01)  # the control: other maps do not pass
    described = yaml.safe_load(files["rdf.yaml"])
    described["outputs"][0]["test_tensor"]["sha256"] = hashlib.sha256(files["test_output.npy"]).hexdigest()
    files["rdf.yaml"] = yaml.safe_dump(described).encode()
    with zipfile.ZipFile(tmp_path / "wrong.zip", "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    with pytest.raises(DataError, match=r"does not pass the test of bioimageio\.core"):
        check_package(tmp_path / "wrong.zip")


def npy(array):
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def test_what_a_package_says(package):
    path, facts, predictor = package
    files = content_of(path)
    described = yaml.safe_load(files.pop("rdf.yaml"))
    named = [described["documentation"], described["covers"][0], described["weights"]["onnx"]]
    named += [described[side][0][kind] for side in ("inputs", "outputs") for kind in ("test_tensor", "sample_tensor")]
    assert {one["source"] for one in named} == set(files)
    for one in named:
        assert hashlib.sha256(files[one["source"]]).hexdigest() == one["sha256"]
    assert described["license"] == "CC0-1.0"
    (tolerance,) = described["config"]["bioimageio"]["reproducibility_tolerance"]
    assert tolerance == {"absolute_tolerance": 1e-3, "relative_tolerance": 1e-3}
    assert described["authors"] == [{"name": "Ada Lovelace"}]
    assert described["cite"][0]["doi"] == "10.1007/978-3-319-24574-4_28"
    assert "## Validation" in files["documentation.md"].decode()
    assert tuple(axis.get("size") for axis in described["inputs"][0]["axes"][2:]) == (20, 28)
    halo = [axis.get("halo") for axis in described["outputs"][0]["axes"][2:]]
    assert halo == ([None, None] if facts.input.overlap is None else [4, 4])
    assert [step["id"] for step in described["outputs"][0]["postprocessing"]] == [predictor.task.activation]
    channels = predictor.reader.channels
    shown = tifffile.imread(io.BytesIO(files["sample_input.tif"]))
    assert np.array_equal(shown, pixels_of(1, channels)[0])
    assert tifffile.imread(io.BytesIO(files["sample_output.tif"])).shape == (len(predictor.task.channels), 20, 28)


def test_licences_and_names():
    assert name_of("ab") == "model ab"
    assert name_of("a/b.c:ü") == "a-b-c--"
    assert len(name_of("x" * 200)) == 64


def test_a_licence_of_ones_own_is_a_file(tmp_path):
    facts = replace(FACTS, credits=replace(FACTS.credits, licence="for the lab only", authors=()))
    predictor = predictor_of("distance", name="UNet", filters=NARROW[:2])
    sample = sample_of(pixels_of(1)[0], portable_model(predictor), predictor.task, stretch_of(ImageReader()))
    (tmp_path / "model.onnx").write_bytes(b"x")
    for name in ("1.zip", "2.zip"):
        write_package(tmp_path / name, facts, onnx=tmp_path / "model.onnx", card="x", sample=sample)
    files = content_of(tmp_path / "1.zip")
    assert files["LICENSE.txt"] == b"for the lab only\n"
    assert yaml.safe_load(files["rdf.yaml"])["license"]["source"] == "LICENSE.txt"
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "1.zip") as archive:
        assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize(("loaded", "given"), [(False, None), (False, "mine"), (True, None), (True, "mine")])
def test_bioimageio_has_a_cache_of_its_own_unless_it_has_one_already(loaded, given, monkeypatch):
    pytest.importorskip("loguru")
    monkeypatch.delitem(sys.modules, "bioimageio.spec", raising=False)
    monkeypatch.delenv("BIOIMAGEIO_CACHE_PATH", raising=False)
    if loaded:
        monkeypatch.setitem(sys.modules, "bioimageio.spec", object())
    if given is not None:
        monkeypatch.setenv("BIOIMAGEIO_CACHE_PATH", given)
    with package_check._apart():
        inside = os.environ.get("BIOIMAGEIO_CACHE_PATH")
    assert (inside == given) == (loaded or given is not None)
    assert os.environ.get("BIOIMAGEIO_CACHE_PATH") == given


def test_a_missing_package_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(package_check, "is_installed", lambda package: package != "bioimageio.core")
    text = check_package(tmp_path / "bioimageio.zip")
    assert "it was not tested, because bioimageio.core is missing: python -m pip install bioimageio.core" in text
