"""What a process settles before torch loads, and that the scripts do it in time."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from system.machine import process
from system.machine.process import ALLOCATOR, has_glibc, settle_allocator, settle_threads

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("limit", "given", "expected"),
    [
        (None, {}, {}),
        (2.0, {}, {"OMP_NUM_THREADS": "3"}),
        (2.0, {"OMP_NUM_THREADS": "7"}, {"OMP_NUM_THREADS": "7"}),
    ],
)
def test_threads_follow_a_limit_of_the_container_and_the_user_first(monkeypatch, limit, given, expected):
    monkeypatch.setattr(process, "cgroup_limit", lambda *where: limit)
    monkeypatch.setattr(process, "usable_cores", lambda: 3)
    settle_threads(given)
    assert given == expected


@pytest.fixture
def told(monkeypatch):
    """What mallopt is told; it has no effect here."""
    calls = []

    class Library:
        def mallopt(self, number, value):
            calls.append((number, value))
            return 1

    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library())
    monkeypatch.setattr(process, "has_glibc", lambda: True)
    return calls


def test_the_allocator_is_told_unless_the_user_has_set_it(told):
    assert settle_allocator({"GLIBC_TUNABLES": "glibc.rtld.nns=3"})
    assert told == list(ALLOCATOR.items())
    told.clear()
    for name, value in (
        ("MALLOC_MMAP_MAX_", "5"),
        ("MALLOC_TOP_PAD_", "0"),
        ("GLIBC_TUNABLES", "glibc.malloc.check=3"),
    ):
        assert not settle_allocator({name: value})
    assert told == []


@pytest.mark.parametrize("answer", [None, "musl 1.2", ValueError, OSError])
def test_without_glibc_nothing_happens(told, monkeypatch, answer):
    monkeypatch.undo()
    if answer is None:
        monkeypatch.delattr("os.confstr", raising=False)
    else:

        def confstr(name):
            if isinstance(answer, str):
                return answer
            raise answer

        monkeypatch.setattr("os.confstr", confstr, raising=False)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("a library was loaded"))
    assert not settle_allocator({})


@pytest.mark.slow
@pytest.mark.skipif(not has_glibc(), reason="the allocator of glibc")
def test_memory_that_is_freed_stays_with_the_process():
    code = """if True:
        import resource, sys
        from system.machine.process import settle_allocator
        if sys.argv[1] == "settled":
            assert settle_allocator({})
        for _ in range(3):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            bytearray(64 * 2**20)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)"""
    faults = {
        word: int(subprocess.run([sys.executable, "-c", code, word], cwd=ROOT, capture_output=True, check=True).stdout)
        for word in ("settled", "default")
    }
    assert faults["settled"] < 100 < faults["default"]


# The first import of torch ends the process, and so does one of anything that loads libgomp with it.
BEFORE_TORCH = """if True:
    import runpy, sys
    from system.machine import process

    class Torch:
        def find_spec(self, name, path=None, target=None):
            if name == "torch":
                print("torch")
                sys.stdout.flush()
                import os
                os._exit(0)

    sys.meta_path.insert(0, Torch())
    process.settle_process = lambda: print("settled")
    script, *sys.argv[1:] = sys.argv[1:]
    sys.argv[0] = script
    runpy.run_path(script, run_name="__main__")"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("train.py", "--config", "configs/demo.yaml", "name=not_there", "data.root=inputs"),
        ("val.py", "--run", "outputs/not_there"),
        ("predict.py", "--run", "outputs/not_there", "--input", "IMAGE", "--out", "OUT"),
    ],
)
def test_the_scripts_settle_the_process_before_they_load_torch(tmp_path, words):
    image = tmp_path / "image.png"
    image.write_bytes(b"no image")
    words = [{"IMAGE": str(image), "OUT": str(tmp_path / "out")}.get(word, word) for word in words]
    done = subprocess.run(
        [sys.executable, "-c", BEFORE_TORCH, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    lines = done.stdout.split()
    assert lines[0] == "settled", done.stderr
    if words[0] != "train.py":  # which refuses this data folder before it needs torch
        assert lines[-1] == "torch", done.stderr
