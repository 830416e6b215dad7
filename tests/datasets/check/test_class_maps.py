"""The check of class maps and their palette."""

from support.checked_sets import by_file, found_in, noise, square, write

from datasets.check.folder import check


def class_maps(root, ids="abc"):
    """Class maps with two classes of 64 pixels each, and a row of void."""
    for seed, name in enumerate(ids):
        pixels = square() // 255 * 7 + square(left=30) // 255 * 9
        pixels[0] = 200
        write(root, f"images/{name}.png", noise(seed))
        write(root, f"masks/{name}.png", pixels)
    (root / "dataset.yaml").write_text("classes: [background, cell, gap]\npalette: [0, 7, 9]\nvoid: 200\n")
    return root


def test_class_maps_are_understood(tmp_path):
    report = check(class_maps(tmp_path / "set"))
    assert report.problems == []
    assert list(report.facts["classes"]) == ["cell", "gap"]
    for of in report.facts["classes"].values():
        assert (of["mask_files"], of["with_foreground"], of["objects"]) == (3, 3, 3)
        assert of["foreground_share"] == 64 / 4096
    assert report.facts["overlap_share"] == 0


def test_what_is_wrong_with_class_maps(tmp_path):
    root = class_maps(tmp_path / "set", ids="abcdef")
    write(root, "masks/a.png", square() // 255 * 8)
    write(root, "masks/b.png", square()[:60] // 255 * 7)
    write(root, "masks/c.png", 0 * square())
    (root / "masks/d.png").write_bytes(b"none")
    (root / "masks/e.png").unlink()
    report = check(root)
    assert found_in(report) == {
        ("error", "mask values", ("masks/a.png",)),
        ("error", "size", ("masks/b.png",)),
        ("error", "unreadable", ("masks/d.png",)),
        ("error", "missing mask", ("images/e.png",)),
        ("warning", "empty mask", ("masks/c.png",)),
    }
    found = by_file(report)["masks/a.png",]
    assert "8 in 64 pixels" in found.found
    assert "add them to classes and palette" in found.fix
    (root / "dataset.yaml").write_text("classes: [background, cell]\npallete: [0, 7]\n")
    told = {one.kind: one.found for one in check(root).problems}
    assert "unknown key 'pallete'; did you mean 'palette'?" in told["classes"]


def test_a_palette_needs_class_maps(clean):
    (clean / "dataset.yaml").write_text("classes: [cell, x]\npalette: [0, 7]\n")
    assert found_in(check(clean)) == {("error", "classes", ("dataset.yaml",))}
