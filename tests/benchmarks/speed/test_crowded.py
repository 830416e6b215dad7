"""The benchmark beside busy processes: its table, its turns and its neighbours."""

import io
import json
import subprocess
import sys
from dataclasses import asdict

import pytest
import torch

from benchmarks.speed import contender, crowded
from benchmarks.speed.contender import Job, timed, working
from benchmarks.speed.crowded import jobs_of, measured, neighbours, ratio, table


def test_the_table_has_ratios_of_the_turns_of_one_round():
    quiet = {"ours": [1.0, 2.0, 4.0], "plain path": [2.0, 6.0, 4.0], "plain path, settled": [1.0, 2.0, 6.0]}
    busy = {"ours": [2.0, 4.0, 8.0], "plain path": [20.0, 60.0, 40.0], "plain path, settled": [3.0, 6.0, 18.0]}
    title, _, header, rule, ours, plain, settled = table("a title", quiet, busy).splitlines()
    assert (title, rule) == ("a title", "|---|---|---|---|---|---|")
    assert len(header.strip("|").split("|")) == 6
    assert ours == (
        "| ours | 2,000 (1,500–3,000)* | 2.00 (1.50–2.50)* | 1.00 (1.00–1.25)* | 4,000 (3,000–6,000)* "
        "| 2.00 (2.00–2.00) |"
    )
    assert plain.split("|")[3].strip() == ""  # nothing is compared with itself
    assert plain.split("|")[6].strip() == "10.00 (10.00–10.00)"
    assert settled.split("|")[6].strip() == "3.00 (3.00–3.00)"
    assert ratio([3.0], [2.0]) == "1.50 (1.50–1.50)"


def test_everybody_has_a_turn_in_each_round_and_the_same_beside_others(monkeypatch):
    turns = []

    class Recorded:
        def __init__(self, job):
            self.job = job

        def turn(self):
            turns.append(self.job)
            return float(len(turns))

        def close(self):
            turns.append(f"{self.job} closed")

    monkeypatch.setattr(crowded, "Contender", Recorded)
    monkeypatch.setattr(crowded, "BUSY", (sys.executable, "-c", "pass"))
    quiet, busy = measured({"a": "first", "b": "second"}, 2, beside=True)
    assert turns == [*["first", "second"] * 4, "second closed", "first closed"]
    assert quiet == {"a": [1, 5], "b": [2, 6]}
    assert busy == {"a": [3, 7], "b": [4, 8]}


def test_the_neighbours_end_with_the_measurement(monkeypatch):
    started, popen = [], subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda command: started.append(popen(command)) or started[-1])
    with neighbours(2):
        assert [process.poll() for process in started] == [None, None]
    assert all(process.returncode is not None for process in started)


def test_both_layouts_and_the_others_are_measured():
    jobs = jobs_of("train", "UNet", "fp32", 4, 96)
    assert {job.layout for job in jobs.values() if job.path == "ours"} == {"auto", "channels_last", "contiguous"}
    assert {job.path for job in jobs.values()} == {"ours", "plain", "monai"}
    assert jobs["plain path"].settled is False
    assert jobs["plain path, settled"].settled is True
    assert len(jobs_of("infer", "UNet", "bf16", 4, 96)) == len(jobs) - 1  # no gradients


@pytest.mark.slow
@pytest.mark.parametrize("path", ["ours", "plain"])
@pytest.mark.parametrize("work", ["train", "infer"])
def test_a_contender_does_its_job(path, work):
    answer = working(Job(path, "UNet", work, batch=2, size=32))()
    assert torch.isfinite(answer).all()
    assert answer.shape == ((2, 1, 32, 32) if work == "infer" else ())


def test_a_turn_has_as_many_calls_as_fit(monkeypatch):
    now, calls = [0.0], []
    monkeypatch.setattr(contender.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(contender, "SECONDS", 1.0)

    def work(seconds):
        calls.append(seconds)
        now[0] += seconds

    assert timed(lambda: work(0.25)) == 0.25
    assert len(calls) == 4
    assert timed(lambda: work(9.0)) == 9.0
    assert len(calls) == 5


def test_a_contender_answers_each_line_with_its_seconds(monkeypatch, capsys):
    job = Job("plain", "UNet", "infer", batch=1, size=32)
    monkeypatch.setattr(sys, "argv", ["contender", json.dumps(asdict(job))])
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n\n"))
    monkeypatch.setattr(contender, "working", lambda job: lambda: None)
    monkeypatch.setattr(contender, "SECONDS", 0.0)
    contender.main()
    assert [float(line) >= 0 for line in capsys.readouterr().out.splitlines()] == [True, True]
