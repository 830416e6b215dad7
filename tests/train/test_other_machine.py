"""A run that goes on with another device than it began with says so."""

import pytest

import train
from engine.runs.checkpoint_file import load_checkpoint, save_checkpoint


@pytest.mark.slow
@pytest.mark.parametrize(
    ("begun", "line"), [("Apple GPU", "machine device Apple GPU → CPU: the last bits"), ("CPU", "")]
)
def test_a_resume_names_another_device(small_config, run_main, tmp_path, begun, line):
    words = ("--config", small_config, "train.workers=0")
    assert run_main(train, *words)[0] == 0
    last = tmp_path / "outputs" / "small" / "last.pth"
    state = {key: value for key, value in load_checkpoint(last).items() if key != "format"}
    save_checkpoint(last, state | {"machine": state["machine"] | {"device": begun}})
    code, out, err = run_main(train, *words, "train.epochs=2", "--resume")
    assert code == 0, err
    assert line in out
    assert ("machine " in out) == bool(line)
