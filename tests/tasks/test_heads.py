"""Which outputs of a network start from those of another one."""

from tasks.binary import Binary
from tasks.border import Border
from tasks.distance import Distance
from tasks.heads import fitting_outputs
from tasks.multiclass import Multiclass
from tasks.multilabel import Multilabel


def rows(own, given):
    return list(fitting_outputs(own, given).values())


def test_the_foreground_is_the_same_in_all_tasks_of_one_class():
    assert fitting_outputs(Binary(("cell",)), Distance(("nucleus",))) == {"foreground": 0}
    assert fitting_outputs(Border(("cell",)), Distance(("nucleus",))) == {"foreground": 0, "border": None}
    assert fitting_outputs(Distance(("cell",)), Binary(("cell",))) == {"foreground": 0, "distance": None}
    assert rows(Distance(("cell",)), Distance(("nucleus",))) == [0, 1]


def test_masks_fit_by_the_name_of_their_class_and_within_one_task_by_their_number():
    assert rows(Multilabel(("rim", "core", "dust")), Multilabel(("core", "rim"))) == [1, 0, None]
    assert rows(Multilabel(("a", "b")), Multilabel(("core", "rim"))) == [0, 1]
    assert rows(Multilabel(("a", "b")), Binary(("a",))) == [None, None]


def test_a_softmax_fits_only_the_same_classes():
    given = Multiclass(("background", "rim", "core"))
    assert rows(Multiclass(("background", "core", "rim")), given) == [0, 1, 2]  # by their number, as in every task
    assert rows(Multiclass(("background", "core")), given) == [None, None]
    assert rows(Multilabel(("background", "rim", "core")), given) == [None, None, None]
