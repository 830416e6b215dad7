"""The parts of a run: random or grouped, in folds or not, with a test part or without."""

from collections import Counter

import pytest
from sklearn.model_selection import train_test_split

from datasets.grouping.groups import Grouping
from datasets.split import SplitRule, random_split, read_split, select, split_to_csv
from system.errors import DataError

IDS = [f"i{number:03d}" for number in range(60)]
TILES = {one: f"i{number // 4 * 4:03d}" for number, one in enumerate(IDS)}  # 15 fields of four tiles
KINDS = {one: "dark" if number < 40 else "bright" for number, one in enumerate(IDS)}
GROUPING = Grouping(TILES, KINDS, given=False, tiles=(), duplicates=(), by_chance=0)


def parts(rule):
    return rule.parts_of(IDS, lambda: GROUPING)


def of(split, part):
    return {one for one, given in split.items() if given == part}


def test_the_default_is_scikit_learn_s_split_as_before():
    train, val = train_test_split(sorted(IDS), test_size=0.2, random_state=41)
    split = parts(SplitRule())
    assert split == random_split(IDS, val_fraction=0.2, seed=41)
    assert list(split.items()) == [*dict.fromkeys(train, "train").items(), *dict.fromkeys(val, "val").items()]
    with pytest.raises(TypeError):  # nobody looks at pixels that nobody needs
        SplitRule("grouped").parts_of(IDS)


@pytest.mark.parametrize("kind", ["random", "grouped"])
@pytest.mark.parametrize("test_fraction", [None, 0.2])
def test_each_fold_validates_each_image_exactly_once(kind, test_fraction):
    folds = [parts(SplitRule(kind, folds=5, fold=fold, test_fraction=test_fraction)) for fold in range(5)]
    kept = of(folds[0], "test")
    assert len(kept) == (0 if test_fraction is None else 12)
    assert all(of(split, "test") == kept and split.keys() == set(IDS) for split in folds)
    assert Counter(one for split in folds for one in of(split, "val")) == dict.fromkeys(set(IDS) - kept, 1)
    assert all(of(split, "train") for split in folds)


@pytest.mark.parametrize("kind", ["random", "grouped"])
def test_the_shares_are_of_all_images(kind):
    split = parts(SplitRule(kind, val_fraction=0.2, test_fraction=0.2))
    assert Counter(split.values()) == {"train": 36, "val": 12, "test": 12}


@pytest.mark.parametrize("rule", [SplitRule("grouped"), SplitRule("grouped", folds=3, fold=1, test_fraction=0.3)])
@pytest.mark.parametrize("seed", range(10))
def test_no_group_is_divided(rule, seed):
    split = parts(SplitRule(rule.kind, folds=rule.folds, fold=rule.fold, test_fraction=rule.test_fraction, seed=seed))
    assert len({(TILES[one], part) for one, part in split.items()}) == 15
    random = random_split(IDS, val_fraction=0.2, seed=seed)
    assert len({(TILES[one], part) for one, part in random.items()}) > 15  # the control


def test_kinds_are_stratified():
    split = parts(SplitRule("grouped", folds=5, fold=2))
    assert Counter(KINDS[one] for one in of(split, "val")) == {"dark": 8, "bright": 4}


def test_the_test_part_does_not_depend_on_the_folds():
    rules = [{}, {"folds": 5, "fold": 0}, {"folds": 3, "fold": 2}]
    for kind in ("random", "grouped"):
        assert len({frozenset(of(parts(SplitRule(kind, test_fraction=0.25, **rule)), "test")) for rule in rules}) == 1


def test_more_folds_than_there_are_groups_or_images():
    with pytest.raises(DataError, match=r"20 parts .* need at least as many groups .* 15 groups; .* lower data\.folds"):
        parts(SplitRule("grouped", folds=20, fold=0))
    with pytest.raises(DataError, match=r"60 image\(s\) cannot be divided into data\.folds: 61; lower it"):
        parts(SplitRule(folds=61, fold=0))
    with pytest.raises(DataError, match=r"cannot be split with data\.test_fraction 0\.99"):
        SplitRule(test_fraction=0.99).parts_of(["a", "b"])


def test_a_split_file_wins_and_may_name_a_test_part(tmp_path):
    path = tmp_path / "split.csv"
    path.write_text("id,split\ni000,train\ni001,val\ni002,test\n")
    split = SplitRule("grouped", file=path).parts_of(IDS)  # asks for no groups
    assert split == {"i000": "train", "i001": "val", "i002": "test"}
    path.write_text(split_to_csv(split))
    assert read_split(path, IDS) == split
    path.write_text("id,split\ni000,train\ni002,test\n")
    with pytest.raises(DataError, match="no image is assigned to val"):
        read_split(path, IDS)


def test_all_is_every_part():
    class Named:
        def __init__(self, name):
            self.id = name

    samples = [Named(one) for one in ("a", "b", "c", "d")]
    split = {"a": "train", "b": "val", "c": "test"}
    found = {part: [one.id for one in select(samples, split, part)] for part in ("train", "val", "test", "all")}
    assert found == {"train": ["a"], "val": ["b"], "test": ["c"], "all": ["a", "b", "c"]}
