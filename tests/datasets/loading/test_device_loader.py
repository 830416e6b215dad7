"""Samples on a device: the host's batches where nothing is changed, and its windows; nothing waits for the device."""

import cv2
import numpy as np
import pytest
import torch
import yaml
from support.host_waits import META, HostCopies

from datasets.batch_augment import CHANGED, BatchAugmentation
from datasets.crop import random_crop
from datasets.folder.data_folder import list_folder
from datasets.loading import device_samples
from datasets.loading.device_loader import DeviceLoader
from datasets.loading.device_samples import DeviceSamples, keep_on_device, send
from datasets.loading.loaders import training_loader
from datasets.samples import Samples
from images.image_reader import ImageReader
from images.normalise import IMAGENET, IMAGENET_GREY
from system.errors import ConfigError
from system.seeding import sample_numbers, sample_seed
from tasks import load_task

CPU = torch.device("cpu")
SIZES = [(40, 56), (20, 64), (12, 18), (33, 33), (24, 24), (64, 20), (50, 21)]  # some smaller than the crop of 24
RESIZED, CROPPED = {"size": (16, 16), "crop": None}, {"size": None, "crop": (24, 24), "crops_per_image": 3}
OBLONG = {"size": None, "crop": (24, 16)}


@pytest.fixture(params=["binary", "multilabel", "multiclass"])
def task(request):
    return request.param


@pytest.fixture
def root(tmp_path, task):
    """Images of noise in mixed sizes, and class maps with void pixels."""
    classes = ["background", "cell"] if task == "binary" else ["background", "cell", "nucleus"]
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for index, size in enumerate(SIZES):
        rng = np.random.default_rng(index)
        image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        truth = rng.choice([*range(len(classes)), 7], size).astype(np.uint8)
        assert cv2.imwrite(str(tmp_path / "images" / f"{index}.png"), image)
        assert cv2.imwrite(str(tmp_path / "masks" / f"{index}.png"), truth)
    described = {"classes": classes, "palette": list(range(len(classes))), "void": 7}
    (tmp_path / "dataset.yaml").write_text(yaml.safe_dump(described))
    return tmp_path


def loader_of(root, task, *, size, crop, crops_per_image=1, channels=3, **more):
    folder = list_folder(root, load_task(task))
    samples = Samples(folder.samples, ImageReader(channels=channels), folder.task, size=size)
    normalise = IMAGENET if channels == 3 else IMAGENET_GREY
    more = {"augment": True, "on_device": True, "batch_size": 4, "seed": 5, "workers": 0} | more
    return training_loader(
        samples, normalise, crop=crop, crops_per_image=crops_per_image, pin_memory=False, device=CPU, **more
    )


def by_key(loader, epoch):
    """(epoch, index) → image and target."""
    loader.start(epoch=epoch)
    pairs = zip(loader.batch_sampler, loader, strict=True)
    return {key: pair for keys, batch in pairs for key, pair in zip(keys, zip(*batch, strict=True), strict=True)}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("geometry", [RESIZED, CROPPED, OBLONG], ids=["resized", "crops", "oblong crops"])
def test_without_changes_the_batches_are_the_host_s_to_the_bit(root, task, geometry, channels):
    shared = {"augment": False, "channels": channels, **geometry}
    host, device = (loader_of(root, task, on_device=where, **shared) for where in (False, True))
    assert isinstance(device, DeviceLoader)
    assert not isinstance(host, DeviceLoader)
    assert len(host) == len(device)
    for done in (0, 1):  # 1: as after a stop in the middle of the epoch
        for loader in (host, device):
            loader.start(epoch=2, done=done)
        batches = list(host), list(device)
        assert len(batches[0]) == len(host) - done
        for (images, target), (ours, our_target) in zip(*batches, strict=True):
            assert torch.equal(images, ours)
            assert torch.equal(target, our_target)
            assert (images.dtype, target.dtype) == (ours.dtype, our_target.dtype)
            assert (target == 255).any()
    assert host.ids_of(1) == device.ids_of(1)


@pytest.mark.parametrize("geometry", [RESIZED, CROPPED], ids=["resized", "crops"])
def test_a_sample_is_a_function_of_seed_epoch_and_index_alone(root, task, geometry):
    one, other = (by_key(loader_of(root, task, batch_size=size, **geometry), 1) for size in (2, 5))
    assert one.keys() == other.keys()
    for key in one:
        assert all(torch.equal(a, b) for a, b in zip(one[key], other[key], strict=True))
    for changed in (by_key(loader_of(root, task, **geometry), 2), by_key(loader_of(root, task, seed=6, **geometry), 1)):
        differing = [not torch.equal(one[1, index][0], image) for (_, index), (image, _) in changed.items()]
        assert np.mean(differing) > 0.8


def symmetry(array, element):
    """[H, W, C] → one of the eight symmetries, with NumPy."""
    array = array[::-1] if element & 2 else array
    array = array[:, ::-1] if element & 1 else array
    return array.transpose(1, 0, 2) if element & 4 else array


def test_windows_are_the_host_s_flipped_and_turned(root, task):
    loader = loader_of(root, task, **CROPPED)
    samples, unchanged, turned = loader.source.samples, 0, set()
    for (epoch, index), (image, target) in by_key(loader, 3).items():
        numbers = sample_numbers(5, epoch, index, "augment", count=BatchAugmentation.NUMBERS)
        pair = random_crop(*samples[index // 3], (24, 24), seed=sample_seed(5, epoch, index, "crop"))
        element = int(numbers[0] * 8)
        expected, truth = (symmetry(array, element) for array in pair)
        assert torch.equal(samples.task.to_tensor(truth), target)
        if numbers[1] >= CHANGED:
            assert torch.equal(IMAGENET(expected), image)
            unchanged += 1
            turned.add(element)
        else:
            assert not torch.equal(IMAGENET(expected), image)
    assert unchanged >= 4
    assert len(turned) >= 3


@pytest.mark.parametrize("task", ["binary"], indirect=True)
def test_the_eight_elements_are_the_symmetries_of_the_square(root, task):
    folder = list_folder(root, load_task(task))
    samples = Samples(folder.samples[:1], ImageReader(), folder.task, size=(3, 3))
    images, targets = DeviceSamples(samples, (3, 3), CPU).windows([0] * 8, [(0, 0)] * 8, np.arange(8))
    for array, turned in zip(samples[0], (images, targets), strict=True):
        expected = {np.rot90(m, k).tobytes() for m in (array, array.transpose(1, 0, 2)) for k in range(4)}
        assert {each.numpy().tobytes() for each in turned} == expected
        for element, each in enumerate(turned):
            assert (each.numpy() == symmetry(array, element)).all()


@pytest.mark.parametrize("geometry", [RESIZED, CROPPED], ids=["resized", "crops"])
def test_nothing_waits_for_the_device(root, task, geometry):
    whole = loader_of(root, task, **geometry)
    loader = DeviceLoader(whole.source, whole.batch_sampler, whole.augment, device=META)
    with HostCopies() as copies:
        batches = list(loader)
    assert copies.found == []
    assert [images.shape for images, _ in batches] == [images.shape for images, _ in whole]
    assert {images.device for images, _ in batches} == {META}


@pytest.mark.parametrize("task", ["binary"], indirect=True)
def test_a_change_that_waits_is_caught(root, task, monkeypatch):
    """The control: a look that asks how many samples it is for, and one that sends a list."""
    whole = loader_of(root, task, **RESIZED)
    loader = DeviceLoader(whole.source, whole.batch_sampler, whole.augment, device=META)
    monkeypatch.setattr(BatchAugmentation, "change", lambda self, images, changes: images[changes[:, 5] > 0])
    with pytest.raises(RuntimeError, match=r"(?i)meta"):
        list(loader)
    monkeypatch.setattr(BatchAugmentation, "change", lambda self, images, changes: images * images.new_tensor([2.0]))
    with HostCopies() as copies:
        list(loader)
    assert copies.found != []


def test_what_is_sent_arrives():
    assert send(np.array([3.5, 1]), CPU).tolist() == [3.5, 1]


@pytest.mark.parametrize("task", ["binary"], indirect=True)
def test_auto_is_for_cuda_and_for_sets_that_fit_into_a_quarter_of_its_free_memory(root, task, monkeypatch):
    folder = list_folder(root, load_task(task))
    samples = Samples(folder.samples, ImageReader(), folder.task, size=None)
    needed = sum(max(24, height) * max(24, width) * (3 + 1) for height, width in SIZES)
    assert DeviceSamples(samples, (24, 24), CPU).nbytes == needed
    cuda = torch.device("cuda")
    for free, wanted, kept in [
        (4 * needed, "auto", True),
        (4 * needed - 1, "auto", False),
        (4 * needed - 1, True, True),
        (needed, True, True),
        (4 * needed, False, False),
    ]:
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (free, 2 * free))
        assert keep_on_device(wanted, samples, (24, 24), cuda) == kept
    assert not keep_on_device("auto", samples, (24, 24), CPU)
    assert not keep_on_device("auto", samples, (24, 24), torch.device("mps"))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (needed - 1, needed))
    with pytest.raises(ConfigError, match=r"data.on_device: true, but .* cuda has room for .* data.on_device: false"):
        keep_on_device(True, samples, (24, 24), cuda)
    monkeypatch.setattr(device_samples, "free_memory", lambda: needed - 1)
    with pytest.raises(ConfigError, match="cpu has room for"):
        keep_on_device(True, samples, (24, 24), CPU)
