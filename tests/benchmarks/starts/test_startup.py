"""The benchmark of the start: its processes end at the first step and give all figures."""

import pytest

from benchmarks.starts import startup

pytestmark = pytest.mark.slow


def test_a_start_and_a_listing(tmp_path):
    data = tmp_path / "data"
    startup.write_images(data, images=20, size=32, channels=1)
    changes = (*startup.TINY, f"data={{root: {data}, size: 32}}")
    found = startup.measured(startup.ROOT, ("start", tmp_path, "name=a", *changes))
    assert 0 < found["seconds"] < 300
    assert found["peak MiB"] > 100
    assert (tmp_path / "outputs" / "a" / "last.pth").is_file()
    table = startup.table({"listing": ("listing", data)}, {"here": startup.ROOT}, rounds=1)
    assert table.startswith("| what | checkout | list s | split s | fingerprint s | MiB |\n| --- |")
    assert len(table.splitlines()[-1].split("|")) == 8


def test_a_process_that_fails_is_told(tmp_path):
    with pytest.raises(RuntimeError, match="no such folder"):
        startup.measured(startup.ROOT, ("listing", tmp_path / "none"))
