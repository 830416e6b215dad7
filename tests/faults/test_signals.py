"""Signals at random moments: the exit code, how soon, and nothing differs after a resume."""

import random
import signal
import sys

import pytest
from faults.runs import digest, shared

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="forks and sends POSIX signals")]

CODES = {"SIGTERM": 143, "SIGINT": 130, "SIGUSR1": 143, "SIGHUP": 129}
STEP = 0.1  # seconds: a step of the tiny training takes a hundredth of it, a save somewhat more


def test_signals_at_random(config, launchers, unstopped, tmp_path, trials, tell):
    expected, seconds = unstopped

    def one_run(launcher, number):
        name, answer = list(CODES)[number % len(CODES)], {"ended_before": True}
        moment = random.Random(number).uniform(0.05, 0.8) * seconds
        while "ended_before" in answer or "\nbest " in answer["output"]:  # the training was done before the signal came
            root = tmp_path / f"{number} {moment}"
            answer = launcher.trial(root, config, "--resume", signal=getattr(signal, name), signal_after=moment)
            moment *= 0.7
        first_line = next((line for line in answer["output"].splitlines() if line.startswith("stopped")), "")
        right = answer["code"] == CODES[name] and first_line.startswith(f"stopped by {name} ")
        again = launcher.trial(root, config, "--resume")
        return (
            right,
            answer["seconds_after_signal"],
            again["code"] == 0 and digest(root / "outputs" / "tiny") == expected,
            "saved in" in first_line,
        )

    found = shared(launchers, range(trials(4, 45)), one_run)
    slowest = max(after for _, after, _, _ in found)
    in_mid_run = sum(saved for *_, saved in found)
    tell(
        "SIGTERM, SIGINT, SIGUSR1, SIGHUP at random",
        len(found),
        f"all exit codes right, at most {slowest:.2f} s after the signal, {in_mid_run} of them in the training; "
        "all resumed identically",
    )
    assert all(right and same for right, _, same, _ in found)
    assert slowest < STEP + 1
    assert in_mid_run >= trials(1, 10)
