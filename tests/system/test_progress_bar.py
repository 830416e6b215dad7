"""A bar is text on a terminal, a widget in a notebook, and nothing in a log file."""

import os
import struct
import subprocess
import sys
import types
from pathlib import Path

import pytest

from system.progress_bar import progress_bar

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import sys
from system.progress_bar import progress_bar
assert "tqdm" not in sys.modules and "asyncio" not in sys.modules
assert list(progress_bar(range(3), "work", keep=True, hidden="hidden" in sys.argv)) == [0, 1, 2]
"""


def shown(*words, terminal):
    """What a process writes to its standard error; a warning is an error in it."""
    reader, writer = os.openpty() if terminal else os.pipe()
    command = [sys.executable, "-W", "error", "-c", CODE, *words]
    with os.fdopen(reader, "rb", 0) as output:
        if terminal:
            import fcntl
            import termios

            size = struct.pack("4H", 24, 80, 0, 0)  # rows and columns; a bar on no columns would be empty
            fcntl.ioctl(writer, termios.TIOCSWINSZ, size)
        done = subprocess.run(command, cwd=ROOT, stderr=writer, check=False)
        os.write(writer, b"|")  # so that there is something to read
        os.close(writer)
        text = output.read(10_000).decode()
    assert done.returncode == 0, text
    return text.removesuffix("|")


@pytest.mark.skipif(sys.platform == "win32", reason="opens a pseudo terminal")
def test_a_terminal_shows_text_and_a_pipe_shows_nothing():
    text = shown(terminal=True)
    assert "work: " in text
    assert "3/3" in text
    assert shown(terminal=False) == ""
    assert shown("hidden", terminal=True) == ""


@pytest.mark.parametrize(("module", "disable"), [("tqdm.notebook", False), ("tqdm.std", None)])
def test_a_notebook_shows_its_widget_although_its_output_is_no_terminal(monkeypatch, module, disable):
    calls = []
    widget = type("Widget", (), {"__module__": module, "__init__": lambda self, *a, **k: calls.append((a, k))})
    chosen = types.ModuleType("tqdm.auto")
    chosen.tqdm = type("tqdm", (widget,), {"__module__": "tqdm.auto"})
    monkeypatch.setitem(sys.modules, "tqdm.auto", chosen)
    progress_bar([1], "work", done=2)
    progress_bar(title="work", total=7, hidden=True)
    (_, first), (_, second) = calls
    assert (first["disable"], first["initial"], first["leave"]) == (disable, 2, False)
    assert second["disable"] is True
