"""The cores that a process may use: its affinity, and the limits of control groups of both versions."""

import os

import pytest

from system.machine import cores
from system.machine.cores import cgroup_limit, usable_cores


def lay_out(folder, files):
    """Writes a folder of control groups, and the file of those that the process belongs to."""
    for name, text in files.items():
        path = folder / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "cgroup").mkdir(exist_ok=True)
    return folder / "cgroup", folder / "membership"


@pytest.mark.parametrize(
    ("files", "membership", "limit"),
    [
        ({}, None, None),  # no Linux
        ({}, "0::/\n", None),
        ({"cpu.max": "max 100000\n"}, "0::/\n", None),
        ({"cpu.max": "200000 100000\n"}, "0::/\n", 2),  # a container sees its own group as the topmost one
        ({"cpu.max": "200000 100000\n"}, None, 2),
        ({"cpu.max": "50000 100000\n"}, "0::/\n", 0.5),
        ({"job/cpu.max": "300000 100000\n"}, "0::/job\n", 3),  # a scheduler's group
        ({"job/cpu.max": "300000 100000\n"}, "0::/other\n", None),
        ({"job/cpu.max": "max 100000\n", "job/step/cpu.max": "400000 100000\n"}, "0::/job/step\n", 4),
        ({"job/cpu.max": "100000 100000\n", "job/step/cpu.max": "400000 100000\n"}, "0::/job/step\n", 1),
        ({"cpu.max": "nonsense"}, "nonsense\n", None),
        ({"cpu.max": "200000 0\n"}, "0::/\n", None),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, "1:cpu:/\n", None),
        ({"cpu/cpu.cfs_quota_us": "250000\n", "cpu/cpu.cfs_period_us": "100000\n"}, "4:cpu,cpuacct:/docker/a\n", 2.5),
        ({"cpu/cpu.cfs_quota_us": "250000\n"}, "1:cpu:/\n", None),
        ({"cpu/a/cpu.cfs_quota_us": "50000\n", "cpu/a/cpu.cfs_period_us": "50000\n"}, "2:cpuacct,cpu:/a\n", 1),
        ({"cpu/a/cpu.cfs_quota_us": "50000\n", "cpu/a/cpu.cfs_period_us": "50000\n"}, "2:memory:/a\n", None),
    ],
)
def test_the_lowest_limit_of_the_control_groups_counts(tmp_path, files, membership, limit):
    mount, own = lay_out(tmp_path, files)
    if membership is not None:
        own.write_text(membership)
    assert cgroup_limit(mount, own) == limit


@pytest.mark.parametrize(
    ("quota", "affinity", "usable"),
    [("max", 6, 6), ("200000", 6, 2), ("800000", 6, 6), ("20000", 6, 1), ("170000", 6, 2), ("200000", 1, 1)],
)
def test_usable_cores_are_those_of_the_affinity_within_the_limit(tmp_path, monkeypatch, quota, affinity, usable):
    mount, own = lay_out(tmp_path, {"cpu.max": f"{quota} 100000\n"})
    monkeypatch.setattr(cores, "CGROUPS", mount)
    monkeypatch.setattr(cores, "MEMBERSHIP", own)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(affinity)), raising=False)
    assert usable_cores() == usable


def test_without_an_affinity_the_processors_count(tmp_path, monkeypatch):
    monkeypatch.setattr(cores, "CGROUPS", tmp_path)
    monkeypatch.setattr(cores, "MEMBERSHIP", tmp_path / "none")
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert usable_cores() == 5
