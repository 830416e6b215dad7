"""Starts training processes by forking, from an interpreter that has loaded everything and has one thread.

    python tests/faults/launcher.py

It reads a trial as a line of JSON and answers with a line of JSON, until its input ends. It makes the first trial in
its own process, and each later one in a fork.

The keys of a trial are `root` (in place of the repository's root; outputs/ lands there), `arguments` (of train.py),
`output` (the file for what is printed), and what goes wrong: `kill_after` (seconds), `signal_after` (seconds after
train.py began to listen to signals; then the signal `signal` is sent), `kill_at_operation` and `torn` (see below),
`in_place`, `file_size_limit` (bytes), `memory_limit` (bytes), `reversed_folders`, `count_operations`,
`watch_resources`, `leak` (bytes per epoch), `kill_worker_at` and `kill_worker_after` (arguments of the functions in
worker_kills.py), `temporary` (the folder in place of the system's folder of temporary files).
The keys of the answer are `code` (if it is negative, the signal that ended the trial), `seconds`, and what was counted
or watched.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[1])]
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["OMP_NUM_THREADS"] = "1"


class Operations:
    """Counts a process's file operations below a folder, and kills the process with SIGKILL at one of them.

    Operations are what the kernel is asked: open for writing, write, fsync, rename, unlink, mkdir. At the chosen one
    the process dies before it, or, for a write with `torn`, after half of its bytes.
    """

    def __init__(self, *, fatal: int | None, torn: bool) -> None:
        self.names: list[str] = []
        self.opened = 0  # as Python's audit sees it: nothing may write past the functions that are counted
        self.fatal, self.torn = fatal, torn

    def install(self) -> None:
        """Replaces the functions of `os` that change files; pathlib and shutil go through the same ones."""
        sys.addaudithook(self._audit)
        for name in ("open", "write", "fsync", "replace", "rename", "unlink", "remove", "mkdir"):
            setattr(os, name, self._watched(name, getattr(os, name)))

    def _audit(self, event, arguments) -> None:
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
            self.opened += 1

    def _watched(self, name, function):
        def watched(*arguments, **keywords):
            reading = name == "open" and not (arguments[1] & (os.O_WRONLY | os.O_RDWR))
            if not reading:
                self.names.append(name)
                if len(self.names) == self.fatal:
                    if self.torn and name == "write":
                        function(arguments[0], arguments[1][: len(arguments[1]) // 2])
                    os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **keywords)

        return watched


@contextlib.contextmanager
def written_in_place(path, *, keep=None):
    """The negative control: what a plain open-and-write does to the file that was there."""
    from system.files import FileWriter

    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    yield FileWriter(descriptor)
    os.close(descriptor)


def resources() -> dict[str, int]:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    return {"rss_kb": int(status["VmRSS"].split()[0]), "threads": int(status["Threads"]), "descriptors": descriptors}


def train_in_this_process(trial: dict, report: int, listening: int | None = None) -> int:
    """Runs train.py's `main` with the trial's faults; writes findings to the descriptor `report`.

    The descriptor `listening` is closed when train.py begins to listen to signals.
    """
    from faults import worker_kills

    import engine.runs.checkpoint_file
    import engine.runs.checkpoints
    import engine.runs.run_folder
    import system.files
    import system.signals
    import train
    from system.errors import run_script

    train.ROOT = Path(trial["root"])
    sys.argv = ["train.py", *trial["arguments"]]
    findings = {}
    if listening is not None:
        listen = system.signals.StopSignals.__enter__

        def listen_and_say(self):
            entered = listen(self)
            os.close(listening)
            return entered

        system.signals.StopSignals.__enter__ = listen_and_say
    if trial.get("in_place"):
        system.files.atomic_file = engine.runs.checkpoint_file.atomic_file = written_in_place
    if trial.get("reversed_folders"):
        listdir, scandir = os.listdir, os.scandir
        os.listdir = lambda *a: listdir(*a)[::-1]
        os.scandir = lambda *a: _Reversed(scandir(*a))
    operations = Operations(fatal=trial.get("kill_at_operation"), torn=trial.get("torn", False))
    if operations.fatal or trial.get("count_operations"):
        save = engine.runs.run_folder.RunFolder.save

        def watched_save(self, history, state, *, epoch_ended):
            # The first save, after that of epoch 1, which writes everything: best.pth too.
            if epoch_ended and state["epoch"] > 1 and history.newest_is_best and not operations.names:
                operations.install()
                save(self, history, state, epoch_ended=epoch_ended)
                findings.update(operations=list(operations.names), opened=operations.opened)
            else:
                save(self, history, state, epoch_ended=epoch_ended)

        engine.runs.run_folder.RunFolder.save = watched_save
    if trial.get("watch_resources"):
        seen = findings["resources"] = []
        after_epoch = engine.runs.checkpoints.Checkpoints.after_epoch

        leaked = []

        def watched_epoch(self):
            after_epoch(self)
            if "leak" in trial:
                leaked.append((b"x" * trial["leak"], os.dup(0)))
            seen.append(resources())

        engine.runs.checkpoints.Checkpoints.after_epoch = watched_epoch
    if "temporary" in trial:
        tempfile.tempdir = trial["temporary"]
    if "kill_worker_at" in trial:
        worker_kills.kill_at(**trial["kill_worker_at"])
    for key, limit in (("file_size_limit", resource.RLIMIT_FSIZE), ("memory_limit", resource.RLIMIT_AS)):
        if key in trial:
            resource.setrlimit(limit, (trial[key], trial[key]))
    code = run_script(train.main, debug=False)
    os.write(report, json.dumps(findings).encode())
    return code


class _Reversed:
    """os.scandir's result, backwards."""

    def __init__(self, entries) -> None:
        self._entries = iter(list(entries)[::-1])

    def __enter__(self):
        return self._entries

    def __exit__(self, *exception):
        return None

    def __iter__(self):
        return self._entries

    def __next__(self):
        return next(self._entries)


def run_trial(trial: dict) -> dict:
    from faults.worker_kills import kill_from_outside

    reading, writing = os.pipe()
    listened, listening = os.pipe()
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        code = 70
        signal.alarm(180)  # nothing here takes so long: a trial that hangs ends by a signal of its own
        try:
            os.close(reading)
            os.close(listened)
            output = os.open(trial["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            os.dup2(output, 1)
            os.dup2(output, 2)
            code = train_in_this_process(trial, writing, listening)
            sys.stdout.flush()
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writing)
    os.close(listening)
    if "signal_after" in trial:
        os.read(listened, 1)  # until the child has closed its end, or has ended
    os.close(listened)
    signalled = None
    if "kill_after" in trial or "signal_after" in trial:
        time.sleep(trial.get("kill_after", trial.get("signal_after")))
        ended, status = os.waitpid(child, os.WNOHANG)
        if not ended:
            signalled = time.perf_counter()
            os.kill(child, trial.get("signal", signal.SIGKILL))
        else:
            os.close(reading)
            code = os.waitstatus_to_exitcode(status)
            return {"code": code, "seconds": time.perf_counter() - started, "ended_before": True}
    if "kill_worker_after" in trial:
        kill_from_outside(child, **trial["kill_worker_after"])
    with os.fdopen(reading, "rb") as pipe:
        found = pipe.read()
    _, status = os.waitpid(child, 0)
    ended = time.perf_counter()
    answer = {"code": os.waitstatus_to_exitcode(status), "seconds": ended - started, **json.loads(found or "{}")}
    return answer | ({"seconds_after_signal": ended - signalled} if signalled else {})


def main() -> None:
    """Makes the first trial in this very process, so that all is loaded and compiled, and each later one in a fork."""
    import threading

    import torch
    from tqdm import tqdm

    torch.set_num_threads(1)
    tqdm.monitor_interval = 0  # its monitor is a thread
    tqdm.set_lock(threading.RLock())  # forks share its own lock: one that is killed while it holds it blocks all others
    reports = os.open(os.devnull, os.O_WRONLY)
    answers = os.dup(1)
    first = json.loads(sys.stdin.readline())
    output = os.open(first["output"], os.O_WRONLY | os.O_CREAT)
    os.dup2(output, 1)
    code = train_in_this_process(first, reports)
    assert resources()["threads"] == 1, "a fork takes one thread along"
    os.write(answers, (json.dumps({"code": code}) + "\n").encode())
    for line in sys.stdin:
        os.write(answers, (json.dumps(run_trial(json.loads(line))) + "\n").encode())


if __name__ == "__main__":
    main()
