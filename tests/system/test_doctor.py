"""The doctor: every check is quiet on a sound machine and speaks on a planted problem."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.device import choose_runtime
from system import doctor
from system.doctor import CHECKS, describe, find_problems, satisfies
from system.errors import run_script
from system.machine import inspection
from system.machine.inspection import Machine, inspect_machine

ROOT = Path(__file__).resolve().parents[2]
SOUND = Machine(
    python=(3, 11, 7),
    system="Linux 6.1 x86_64",
    wanted={"torch": ">=2.4", "albumentations": "==2.0.8", "opencv-python-headless": ">=4.9"},
    versions={"torch": "2.4.1+cpu", "albumentations": "2.0.8", "opencv-python-headless": "4.10.0.84"},
    wheels=("opencv-python-headless",),
    device="CPU with 4 threads, fp32",
    precision="fp32",
    reason="the CPU only emulates bf16, which is slow",
    cpu=("AVX2",),
    cores=8,
    usable_cores=4,
    threads=4,
    shared_memory=8 * 2**30,
    free={"inputs": 50 * 2**30, "outputs": 50 * 2**30},
)
PLANTED = {
    "check_python": ({"python": (3, 9, 2)}, "Python 3.9.2; 3.10", "make setup"),
    "check_packages": (
        {"versions": SOUND.versions | {"albumentations": "2.0.7"}},
        "2.0.7; requirements.txt asks for ==2.0.8",
        "requirements",
    ),
    "check_imports": ({"broken": {"torchvision": "RuntimeError: torchvision::nms"}}, "nms", "torch torchvision"),
    "check_opencv": (
        {"wheels": ("opencv-python", "opencv-python-headless")},
        "opencv-python and opencv-python-headless",
        "pip uninstall -y opencv-python opencv-python-headless && ",
    ),
    "check_gpu": ({"gpu_driver": True}, "built without CUDA", "torch torchvision"),
    "check_threads": ({"threads": 64}, "64 threads, but this process may use 4", "OMP_NUM_THREADS=4"),
    "check_shared_memory": ({"shared_memory": 64 * 2**20}, "0.1 GiB", "--shm-size"),
    "check_disks": ({"free": {"outputs": 2**29}}, "outputs/ has 0.5 GiB of free disk space", "du -sh outputs"),
}


def test_a_sound_machine_has_no_problem():
    assert find_problems(SOUND) == []
    assert {check.__name__ for check in CHECKS} == set(PLANTED)


@pytest.mark.parametrize("name", PLANTED)
def test_each_check_finds_what_is_planted_and_nothing_else_does(name):
    changes, found, command = PLANTED[name]
    (problem,) = find_problems(replace(SOUND, **changes))
    assert found in problem.found
    assert command in problem.command
    assert getattr(doctor, name)(replace(SOUND, **changes)) == [problem]


def test_further_kinds_of_problems():
    without = {name: version for name, version in SOUND.versions.items() if name != "torch"}
    (problem,) = find_problems(replace(SOUND, versions=without, device=None, precision=None, threads=None))
    assert problem.found == "torch is not installed"
    assert "pip install -r requirements.txt" in problem.command
    (problem,) = find_problems(replace(SOUND, gpu_driver=True, cuda_build="12.4"))
    assert "sees no device" in problem.found
    (problem,) = find_problems(replace(SOUND, read_only=("outputs",)))
    assert "outputs/ is not writable" in problem.found
    assert find_problems(replace(SOUND, gpu_driver=True, device="NVIDIA H100, bf16")) == []
    assert find_problems(replace(SOUND, shared_memory=None)) == []  # of other systems


@pytest.mark.parametrize(
    ("version", "condition", "met"),
    [
        ("2.4.0+cpu", ">=2.4", True),
        ("2.10.0", ">=2.4", True),
        ("2.3.1", ">=2.4", False),
        ("4.9", ">=4.9", True),
        ("2.0.8", "==2.0.8", True),
        ("2.0.8.1", "==2.0.8", True),  # a later build of it
        ("2.0.9", "==2.0.8", False),
        ("2026.3.3", ">=2024.1", True),
        ("1.0", "", True),
    ],
)
def test_conditions_on_versions(version, condition, met):
    assert satisfies(version, condition) is met


def test_what_is_found_on_this_machine():
    found = inspect_machine()
    text = re.findall(r"^(\w[\w-]*)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert set(found.wanted) == set(text)
    assert found.versions["torch"]
    assert found.precision in ("fp32", "bf16")
    assert 1 <= found.usable_cores <= found.cores
    assert set(found.free) == {"inputs", "outputs"}
    lines = describe(found)
    assert [line.split()[0] for line in lines] == [
        *("python", "packages", "opencv", "cuda", "device", "precision", "cpu", "memory", "disk")
    ]


def test_a_package_that_fails_to_import_is_told(monkeypatch, tmp_path):
    (tmp_path / "broken_module.py").write_text("raise OSError('libGL.so.1: cannot open')")
    monkeypatch.syspath_prepend(tmp_path)
    assert inspection._import_error("broken_module") == "OSError: libGL.so.1: cannot open"
    assert inspection._import_error("json") is None


@pytest.mark.parametrize(("found", "code"), [(SOUND, 0), (replace(SOUND, python=(3, 9, 0)), 1)])
def test_exit_codes(found, code, monkeypatch, capsys):
    monkeypatch.setattr(doctor, "inspect_machine", lambda: found)
    assert run_script(lambda: doctor.main([]), debug=False) == code
    out, err = capsys.readouterr()
    assert ("no problems" in out) is (code == 0)
    assert ("fix: make setup" in out) is (code == 1)
    assert err == ("" if code == 0 else "error: found 1 problem; each is followed by its fix\n")


@pytest.mark.slow
def test_it_works_without_torch():
    """In a process in which torch, and whatever needs it, cannot be imported."""
    code = (
        "import sys\n"
        "for name in ('torch', 'torchvision', 'albumentations'): sys.modules[name] = None\n"
        "from system.doctor import main\n"
        "main([])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert "problem: torch is installed but fails to import" in done.stdout
    assert "pip install --force-reinstall torch torchvision" in done.stdout
    assert "unknown without torch" in done.stdout
    assert "UnfitError" in done.stderr


def test_on_a_gpu_without_bf16_the_doctor_advises_fp16(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla T4")
    lines = dict(line.split(maxsplit=1) for line in describe(inspect_machine()))
    assert lines["device"] == "Tesla T4, fp32"
    assert (
        lines["precision"] == "auto chooses fp32: the GPU only emulates bf16, which is slow; try train.precision: fp16"
    )


def test_the_doctor_names_the_device_and_precision_that_a_training_chooses():
    assert inspect_machine().device == str(choose_runtime())
