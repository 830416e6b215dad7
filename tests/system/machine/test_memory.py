"""The memory that a process may use: what the machine has left, and the limits of control groups of both versions."""

import os

import pytest

from system.machine import memory
from system.machine.memory import UNKNOWN, free_bytes, free_memory, free_share

MIB = 2**20
MEMINFO = f"MemTotal:       99999999 kB\nMemFree:          123456 kB\nMemAvailable:   {900 * 1024} kB\nBuffers: 1 kB\n"
V1 = {"memory.limit_in_bytes": 500 * MIB, "memory.usage_in_bytes": 300 * MIB}


def lay_out(folder, files):
    """Writes a folder of control groups, and the file with the memory of the machine."""
    for name, text in files.items():
        path = folder / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    (folder / "cgroup").mkdir(exist_ok=True)
    (folder / "meminfo").write_text(MEMINFO)
    return folder / "meminfo", folder / "cgroup", folder / "membership"


@pytest.mark.parametrize(
    ("files", "membership", "left"),
    [
        ({}, None, 900),
        ({"memory.max": "max", "memory.current": 7 * MIB}, "0::/\n", 900),
        ({"memory.max": 500 * MIB, "memory.current": 200 * MIB}, "0::/\n", 300),  # a container sees its own group
        ({"memory.max": 5000 * MIB, "memory.current": 200 * MIB}, "0::/\n", 900),  # the machine has less
        ({"memory.max": 500 * MIB, "memory.current": 600 * MIB}, "0::/\n", 0),
        (
            {"memory.max": 500 * MIB, "memory.current": 200 * MIB, "memory.stat": f"anon 5\ninactive_file {50 * MIB}"},
            "0::/\n",
            350,  # files that nobody has used for a while are given up
        ),
        ({"memory.max": 500 * MIB, "memory.current": 200 * MIB, "memory.stat": "nonsense"}, "0::/\n", 300),
        ({"job/memory.max": 500 * MIB, "job/memory.current": 200 * MIB}, "0::/job\n", 300),
        ({"job/memory.max": 500 * MIB, "job/memory.current": 200 * MIB}, "0::/other\n", 900),
        (
            {
                "job/memory.max": 500 * MIB,
                "job/memory.current": 450 * MIB,
                "job/step/memory.max": 400 * MIB,
                "job/step/memory.current": 1 * MIB,
            },
            "0::/job/step\n",
            50,  # other steps of the job have used the rest
        ),
        ({"memory.max": "nonsense", "memory.current": 1}, "nonsense\n", 900),
        ({"memory.max": 500 * MIB}, "0::/\n", 900),
        ({f"memory/{name}": value for name, value in V1.items()}, "4:memory:/docker/a\n", 200),
        ({f"memory/a/{name}": value for name, value in V1.items()}, "2:memory:/a\n", 200),
        ({f"memory/a/{name}": value for name, value in V1.items()}, "2:cpu:/a\n", 900),
        ({f"memory/{name}": value for name, value in V1.items()} | {"memory/memory.stat": f"total_inactive_file {MIB}"},
         "4:memory:/\n", 201),
        ({"memory/memory.limit_in_bytes": 2**63 - 4096, "memory/memory.usage_in_bytes": 5}, "4:memory:/\n", 900),
    ],
)  # fmt: skip
def test_the_least_that_is_left_counts(tmp_path, files, membership, left):
    meminfo, mount, own = lay_out(tmp_path, files)
    if membership is not None:
        own.write_text(membership)
    assert free_bytes(meminfo, mount, own) == left * MIB


@pytest.mark.parametrize("text", [None, "", "MemAvailable: much\n", "MemAvailable:\n"])
def test_a_system_that_does_not_say_what_is_available(tmp_path, monkeypatch, text):
    if text is not None:
        (tmp_path / "meminfo").write_text(text)
    of_machine = {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", of_machine.__getitem__, raising=False)
    assert free_bytes(tmp_path / "meminfo", tmp_path, tmp_path / "none") == 1000 * 4096 // 2
    monkeypatch.delattr(os, "sysconf")
    assert free_bytes(tmp_path / "meminfo", tmp_path, tmp_path / "none") == UNKNOWN


def test_the_processes_of_a_training_share_the_memory(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 1000)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    assert free_share(0.5) == 500
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert free_share(0.5) == 125


def test_this_machine_has_some_memory_left():
    assert 2**20 < free_memory() < 2**50
