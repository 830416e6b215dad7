"""kill -9 of a data worker: one message, exit code 5, nothing left over, and an identical run after a resume."""

import random
import sys
from collections import Counter

import pytest
from faults.runs import digest, shared
from faults.worker_kills import PLACES

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="finds workers in /proc")]
CALLS = {"step": 15, "validation": 8, "save": 12, "epoch": 4}  # at most this many times before the kill


def at_a_place(number, chance, seconds):
    place = PLACES[number % len(PLACES)]
    return {"kill_worker_at": {"place": place, "call": chance.randrange(CALLS[place]), "worker": chance.randrange(2)}}


def at_a_moment(number, chance, seconds):
    return {"kill_worker_after": {"after": chance.uniform(0, 0.5 * seconds), "worker": chance.randrange(2)}}


@pytest.mark.parametrize("where", [at_a_place, at_a_moment])
def test_a_killed_worker(config, launchers, unstopped, tmp_path, trials, tell, where):
    expected, seconds = unstopped

    def one_run(launcher, number):
        root, temporary = tmp_path / f"{number}", tmp_path / f"temporary{number}"
        temporary.mkdir()
        fault = where(number, random.Random(number), seconds) | {"temporary": str(temporary)}
        answer = launcher.trial(root, config, "--resume", "train.workers=2", **fault)
        lines = answer["output"].splitlines()
        errors = [line for line in lines if line.startswith("error: ")]
        told = len(errors) == 1 and "SIGKILL" in errors[0] and "--resume" in errors[0] and lines[-1] == errors[0]
        ended = (answer["code"] == 0 and not errors) or (answer["code"] == 5 and told)
        again = launcher.trial(root, config, "--resume", "train.workers=2", temporary=str(temporary))
        same = again["code"] == 0 and digest(root / "outputs" / "tiny") == expected
        right = ended and "Traceback" not in answer["output"] and not list(temporary.iterdir())
        return right, same, answer

    found = shared(launchers, range(trials(4, 20)), one_run)
    codes = [answer["code"] for *_, answer in found]
    tell(
        f"kill -9 of a data worker, {where.__name__.replace('_', ' ')}",
        len(found),
        f"exit codes {dict(Counter(codes))}, each with one message and no traceback, and no temporary file is left: "
        f"{sum(right for right, *_ in found)} of {len(found)}; {sum(same for _, same, _ in found)} resumed identically",
    )
    wrong = [answer for right, same, answer in found if not (right and same)]
    assert not wrong, wrong[0]
    assert 5 in codes
