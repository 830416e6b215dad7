"""The benchmark of predict.py compares whole folders."""

from benchmarks.prediction.predict import differing_files


def test_files_that_differ_or_are_missing_are_counted(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        (folder / "masks").mkdir(parents=True)
        for name in ("a.png", "b.png"):
            (folder / "masks" / name).write_bytes(b"same")
    assert differing_files(one, other) == 0
    (other / "masks" / "a.png").write_bytes(b"other")
    (other / "c.csv").write_bytes(b"more")
    (one / "d.csv").write_bytes(b"more")
    assert differing_files(one, other) == differing_files(other, one) == 3
