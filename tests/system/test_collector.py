"""The collector rests while many objects are made, and is afterwards what it was before."""

import gc

import pytest

from datasets.folder import data_folder
from system.collector import paused_collector
from tasks.binary import Binary


@pytest.fixture
def collector():
    was_on = gc.isenabled()
    yield
    (gc.enable if was_on else gc.disable)()


@pytest.mark.parametrize("on", [True, False])
def test_it_is_afterwards_what_it_was_before(collector, on):
    (gc.enable if on else gc.disable)()
    with paused_collector():
        assert not gc.isenabled()
    assert gc.isenabled() == on
    with pytest.raises(KeyError), paused_collector():
        raise KeyError
    assert gc.isenabled() == on


def test_a_folder_is_listed_without_it(collector, small_set, monkeypatch):
    seen, list_files = [], data_folder.list_files
    monkeypatch.setattr(data_folder, "list_files", lambda root: seen.append(gc.isenabled()) or list_files(root))
    gc.enable()
    assert len(data_folder.list_folder(small_set, Binary).samples) == 10
    assert (seen, gc.isenabled()) == ([False], True)
