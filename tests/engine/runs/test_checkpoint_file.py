"""Checkpoints: what is in them, which files are refused, and starting from weights of another origin."""

import pickle
import re
import zipfile

import pytest
import torch

from engine.runs.checkpoint_file import FORMAT, load_checkpoint, save_checkpoint, seal_of
from engine.runs.starting_weights import load_weights
from models import NestedUNet, UNet
from system.errors import CheckpointError

NARROW = (4, 4, 4)


def test_round_trip_with_plain_torch(tmp_path):
    path = tmp_path / "a" / "last.pth"
    save_checkpoint(path, {"model": UNet(filters=NARROW).state_dict(), "history": [{"epoch": 1, "loss": 0.5}]})
    plain = torch.load(path, weights_only=True)
    assert plain["format"] == FORMAT
    assert plain["history"] == load_checkpoint(path)["history"] == [{"epoch": 1, "loss": 0.5}]
    assert [p.name for p in path.parent.iterdir()] == ["last.pth"]  # no temporary file stays


class Payload:
    def __reduce__(self):
        return (eval, ("open('executed', 'w')",))


def test_damaged_foreign_and_newer_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "x.pth"
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        load_checkpoint(path)
    for content in (b"", b"PK\x03\x04 cut", pickle.dumps(Payload(), protocol=2)):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"damaged .* without a valid seal"):
            load_checkpoint(path)
        with pytest.raises(CheckpointError, match="damaged, or not a file of tensors"):
            load_weights(UNet(filters=NARROW), path)
    assert not (tmp_path / "executed").exists()
    torch.save(UNet(filters=NARROW).state_dict(), path)
    with pytest.raises(CheckpointError, match=r"model\.weights="):
        load_checkpoint(path)
    monkeypatch.setattr("engine.runs.checkpoint_file.FORMAT", FORMAT + 1)
    save_checkpoint(path, {})
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match=f"format {FORMAT + 1}, but this version reads up to {FORMAT}"):
        load_checkpoint(path)


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {f"module.{k}": v for k, v in s.items()}])
def test_weights_from_a_bare_state_dict(tmp_path, wrap):
    source, target = UNet(filters=NARROW), UNet(filters=NARROW)
    torch.save(wrap(source.state_dict()), tmp_path / "w.pth")
    assert load_weights(target, tmp_path / "w.pth") == []
    torch.testing.assert_close(target.state_dict(), source.state_dict(), rtol=0, atol=0)


def test_a_head_of_another_class_count_is_left_out(tmp_path):
    source, target = UNet(1, filters=NARROW), UNet(3, filters=NARROW)
    head = target.final.weight.clone()
    save_checkpoint(tmp_path / "w.pth", {"model": source.state_dict()})
    (sentence,) = load_weights(target, tmp_path / "w.pth")
    assert sentence == "final.weight, final.bias: left out, because the number of outputs differs"
    torch.testing.assert_close(target.final.weight, head, rtol=0, atol=0)
    torch.testing.assert_close(target.conv0_0.conv1.weight, source.conv0_0.conv1.weight, rtol=0, atol=0)


def test_weights_of_another_network_are_refused(tmp_path):
    path = tmp_path / "w.pth"
    save_checkpoint(path, {"model": UNet(filters=NARROW).state_dict()})
    with pytest.raises(CheckpointError, match=r"another network than NestedUNet: .* set model\.name"):
        load_weights(NestedUNet(filters=NARROW), path)
    with pytest.raises(CheckpointError, match=r"conv0_0\.conv1\.weight has the shape \[4, 3, 3, 3\]"):
        load_weights(UNet(filters=(8, 8, 8)), path)
    torch.save([1, 2], path)
    with pytest.raises(CheckpointError, match="holds no weights"):
        load_weights(UNet(filters=NARROW), path)


def test_contents_that_are_no_checkpoint_are_refused(tmp_path):
    path, model = tmp_path / "w.pth", UNet(filters=(2, 4))
    save_checkpoint(path, {"format": "2"})
    with pytest.raises(CheckpointError, match="format is '2', but a whole number is expected"):
        load_checkpoint(path)
    for content in ({"format": 1}, {1: torch.zeros(1)}, {"a": 1}, [], {}):
        torch.save(content, path)
        with pytest.raises(CheckpointError, match="holds no weights"):
            load_weights(model, path)
    torch.save({name: tensor.to("meta") for name, tensor in model.state_dict().items()}, path)
    with pytest.raises(CheckpointError, match="cannot be used"):
        load_weights(model, path)


@pytest.mark.slow
def test_damage_of_any_kind_is_one_kind_of_error(tmp_path):
    """The unpickler fails in a dozen ways. Weights of another origin have no seal, so their damage reaches it."""
    path, model = tmp_path / "w.pth", UNet(filters=(2, 4))
    torch.save(model.state_dict(), path)
    whole = path.read_bytes()
    start = whole.index(b"data.pkl") + 8
    refused = 0
    for position in range(start, start + 3000, 7):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        try:
            load_weights(model, path)
        except CheckpointError:
            refused += 1
    assert refused > 100  # the others hit what does not matter


def test_checkpoints_differ_by_their_seals(tmp_path):
    for name, value in (("a", 0), ("b", 0), ("c", 1)):
        save_checkpoint(tmp_path / name, {"n": torch.full((3,), value)})
    a, b, c = (seal_of(tmp_path / name) for name in "abc")
    assert a == b != c
    assert re.fullmatch("crc32 [0-9a-f]{8}", a)


def test_a_file_that_would_grow_is_refused(tmp_path):
    path = tmp_path / "bomb.pth"
    torch.save({"x": torch.zeros(2_000_000)}, path)
    with zipfile.ZipFile(path) as plain, zipfile.ZipFile(tmp_path / "b", "w", zipfile.ZIP_DEFLATED) as packed:
        for entry in plain.infolist():
            packed.writestr(entry.filename, plain.read(entry))
    with pytest.raises(CheckpointError, match="would grow"):
        load_weights(UNet(filters=(2, 4)), tmp_path / "b")
