"""The files of a data folder by their ids."""

from datasets.folder.files import files_by_id, without_need
from datasets.folder.problems import Problem

PLACES = [("images/", "p/a"), ("", "p/a"), ("images/", "a"), ("", "b")]


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_an_id_is_the_path_below_the_folder(tmp_path):
    touch(tmp_path, "images/B01/i0.tif", "images/A01/i0.tif", "images/a.png", "images/.hidden/i1.png", "images/.b.png")
    problems = []
    files = files_by_id(tmp_path, "images", None, problems)
    assert list(files.items()) == [
        ("A01/i0", "images/A01/i0.tif"),
        ("B01/i0", "images/B01/i0.tif"),
        ("a", "images/a.png"),
    ]
    assert problems == []


def test_a_data_folder_itself_is_searched_without_its_folders(tmp_path):
    touch(tmp_path, "a.png", "train/b.png", "notes.txt")
    problems = []
    assert files_by_id(tmp_path, ".", None, problems) == {"a": "a.png"}
    assert problems == []


def test_pickles_of_cellpose_are_not_read_and_the_advice_says_why(tmp_path):
    touch(tmp_path, "masks/a_seg.npy", "masks/b.npy")
    problems = []
    assert files_by_id(tmp_path, "masks", "masks", problems) == {}
    seg, other = problems
    assert (seg.kind, seg.files) == ("ignored file", ("masks/a_seg.npy",))
    assert "could run code" in seg.fix
    assert "could run code" not in other.fix


def test_equal_ids_are_a_problem_in_one_folder_only(tmp_path):
    touch(tmp_path, "images/A/i.png", "images/A/i.tif", "images/B/i.png")
    problems = []
    files_by_id(tmp_path, "images", None, problems)
    assert [(one.kind, one.files) for one in problems] == [("duplicate stem", ("images/A/i.png", "images/A/i.tif"))]


def test_results_beside_images_are_left_out_and_told(tmp_path):
    touch(tmp_path, "images/a.tif", "images/a_flows.tif", "images/a_cp_output.png", "images/b_flows.tif")
    problems = []
    assert set(files_by_id(tmp_path, "images", None, problems)) == {"a", "b_flows"}
    assert sorted((one.kind, *one.files) for one in problems) == [
        ("ignored file", "images/a_cp_output.png"),
        ("ignored file", "images/a_flows.tif"),
    ]


def test_a_pickle_needs_nothing_where_its_image_has_a_label_map():
    named = [Problem("ignored file", (f"{folder}{name}_seg.npy",), "", "save", None) for folder, name in PLACES]
    truth = {"p/a": "masks/p/a_cp_masks.png"}
    fixes = [without_need(problem, truth).fix for problem in named]
    assert fixes == ["nothing: masks/p/a_cp_masks.png is read instead"] * 2 + ["save"] * 2
    other = Problem("extra mask", ("p/a.png", "p/b.png"), "", "save", None)
    assert without_need(other, truth) is other
