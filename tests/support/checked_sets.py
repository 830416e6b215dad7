"""Data folders for the check, and what it found in them."""

import cv2
import numpy as np

SIDE = 64


def noise(seed, size=(SIDE, SIDE)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def square(left=10, side=8, size=(SIDE, SIDE)):
    mask = np.zeros(size, np.uint8)
    mask[20 : 20 + side, left : left + side] = 255
    return mask


def write(root, name, array):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(root / name), array)


def draw_set(root, ids="abcdefghijklmnop", masks="masks/cell"):
    """Images of noise, each with one square of 8×8 pixels."""
    for seed, name in enumerate(ids):
        write(root, f"images/{name}.png", noise(seed))
        write(root, f"{masks}/{name}.png", square())
    return root


def found_in(report):
    return {(one.severity, one.kind, one.files) for one in report.problems}


def by_file(report):
    return {one.files: one for one in report.problems}


def plant(root):
    """Plants a fault of every kind that one class can have; returns (severity, kind, files) of each."""
    cell = "masks/cell"
    (root / "images/a.png").write_bytes(b"no image")
    whole = (root / f"{cell}/b.png").read_bytes()
    (root / f"{cell}/b.png").write_bytes(whole[: len(whole) // 2])
    (root / f"{cell}/c.png").unlink()
    write(root, f"{cell}/alone.png", square())
    write(root, f"{cell}/d.png", square(size=(SIDE, SIDE - 2)))
    write(root, "images/e.bmp", noise(4))
    write(root, f"{cell}/f.png", cv2.GaussianBlur(square(), (5, 5), 0))
    spoilt = np.random.default_rng(1).random((SIDE, SIDE), dtype=np.float32)
    spoilt[3, 4] = np.nan
    (root / "images/g.png").unlink()
    write(root, "images/g.tif", spoilt)
    write(root, f"{cell}/h.png", np.dstack([square(), square(left=30), square()]))
    write(root, f"{cell}/i.png", np.zeros((SIDE, SIDE), np.uint8))
    write(root, "images/j.png", np.full((SIDE, SIDE, 3), 7, np.uint8))
    write(root, "images/l.png", noise(10))  # that of k
    write(root, "labels/m.png", square(left=12).astype(np.uint16))
    write(root, f"{cell}/n.png", np.full((SIDE, SIDE), 255, np.uint8))
    (root / "images/notes.txt").write_text("of no use")
    (root / "SHA256SUMS").write_text(f"{'0' * 64}  images/o.png\n{'0' * 64}  images/gone.png\nsix words of no digest\n")
    (root / "dataset.yaml").write_text("classes: [nucleus]\n")
    return {
        ("error", "unreadable", ("images/a.png",)),
        ("error", "unreadable", (f"{cell}/b.png",)),
        ("error", "missing mask", ("images/c.png",)),
        ("error", "extra mask", (f"{cell}/alone.png",)),
        ("error", "size", (f"{cell}/d.png",)),
        ("error", "duplicate stem", ("images/e.bmp", "images/e.png")),
        ("error", "mask values", (f"{cell}/f.png",)),
        ("error", "pixel values", ("images/g.tif",)),
        ("error", "mask values", (f"{cell}/h.png",)),
        ("warning", "empty mask", (f"{cell}/i.png",)),
        ("warning", "constant image", ("images/j.png",)),
        ("warning", "duplicate image", ("images/k.png", "images/l.png")),
        ("warning", "labels", ("labels/m.png",)),
        ("warning", "full mask", (f"{cell}/n.png",)),
        ("warning", "ignored file", ("images/notes.txt",)),
        ("error", "checksum", ("images/o.png",)),
        ("error", "checksum", ("images/gone.png",)),
        ("error", "checksum", ("SHA256SUMS",)),
        ("error", "classes", ("dataset.yaml",)),
    }
