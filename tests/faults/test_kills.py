"""kill -9 at random moments and at every file operation of a save; after a resume nothing differs by a bit."""

import random
import shutil
import sys

import pytest
from faults.runs import digest, shared

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="forks")]


def test_random_kills(config, launchers, unstopped, tmp_path, trials, tell):
    expected, seconds = unstopped
    runs = trials(3, 62)

    def one_run(launcher, number):
        chance, codes, longest = random.Random(number), [], 0.55 * seconds
        while -9 not in codes:  # a machine that has become quicker ends a run before its first kill
            root, codes = tmp_path / f"{number} {longest}", []
            while not codes or (codes[-1] == -9 and len(codes) < 5):
                moment = chance.uniform(0.05 * seconds, longest)
                codes.append(launcher.trial(root, config, "--resume", kill_after=moment)["code"])
            longest *= 0.7
        codes.append(launcher.trial(root, config, "--resume")["code"])
        run = root / "outputs" / "tiny"
        whole = set(codes) <= {0, -9} and codes[-1] == 0 and not [p for p in run.iterdir() if ".tmp" in p.name]
        return codes.count(-9), whole and digest(run) == expected

    found = shared(launchers, range(runs), one_run)
    kills, same = sum(kills for kills, _ in found), sum(same for _, same in found)
    tell("kill -9 at random moments, then resume", kills, f"{runs - same} of {runs} runs differ by a bit")
    assert same == runs
    assert kills >= trials(3, 200)


@pytest.mark.parametrize("in_place", [False, True], ids=["atomic", "in_place"])
def test_kill_at_every_file_operation_of_a_save(config, launchers, unstopped, tmp_path, trials, tell, in_place):
    expected, _ = unstopped
    counted = launchers[0].trial(tmp_path / "counted", config, count_operations=True, in_place=in_place)
    names = counted["operations"]
    assert counted["opened"] == names.count("open") == 4  # last.pth, best.pth, log.csv, timing.csv; none uncounted
    if not in_place:
        assert names.count("fsync") == 2 * names.count("open")  # each file, and its folder
        assert names.count("replace") == names.count("open") + 1  # and last.pth → previous.pth
    begun = tmp_path / "begun"
    launchers[0].trial(begun, config, kill_at_operation=1, in_place=in_place)  # dies when that save begins
    moments = [(k, False) for k in range(1, len(names) + 1)]
    moments += [(k, True) for k, name in enumerate(names, start=1) if name == "write"]
    chosen = moments[: trials(3, 99)] if in_place else moments[:: trials(8, 1)]

    def one_kill(launcher, moment):
        k, torn = moment
        root = tmp_path / f"{k}{torn}"
        shutil.copytree(begun, root)
        answer = launcher.trial(root, config, "--resume", kill_at_operation=k, torn=torn, in_place=in_place)
        assert answer["code"] == -9, answer["output"]
        answer = launcher.trial(root, config, "--resume")
        return answer["code"] == 0 and digest(root / "outputs" / "tiny") == expected

    held = shared(launchers, chosen, one_kill)
    what = "kill -9 at every file operation of a save"
    if in_place:
        tell(f"{what}, written in place (the control)", len(held), f"{held.count(False)} reported broken")
        assert False in held
    else:
        tell(what, len(held), f"{sum(held)} of {len(held)} recover identically")
        assert all(held)
