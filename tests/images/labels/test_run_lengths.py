"""Run-length codes against hand counts and pycocotools."""

import numpy as np
import pytest

from images.labels.run_lengths import decode_runs, encode_runs


def test_a_code_decoded_by_hand():
    """Of 40 = 8 + 1 · 32 the lowest bits are 8, with the sixth 40, and 40 + 48 is "X"; then "1".

    The fourth number, 5, is written as 5 − 40 = −35 = 29 − 2 · 32: 29 + 32 + 48 is "m", and −2, as 30 + 48, is "N".
    """
    assert decode_runs("2X1") == [2, 40]
    assert decode_runs("7X19mN") == [7, 40, 9, 5]


def test_codes_written_by_hand():
    """The same two codes, with an object without runs between them."""
    runs, counts = np.array([2, 40, 7, 40, 9, 5]), np.array([2, 0, 4])
    assert encode_runs(runs, counts) == ["2X1", "", "7X19mN"]
    assert encode_runs(np.zeros(0, np.int64), np.zeros(0, np.int64)) == []


@pytest.mark.parametrize("code", ["~", "\x00", "é", "P", "PPPPPPPPPP", "o" * 1000])
def test_codes_that_are_none(code):
    with pytest.raises(ValueError, match="its code"):
        decode_runs(code)


@pytest.mark.parametrize("seed", range(30))
def test_codes_of_pycocotools(seed):
    """Both write the same letters, and both read what the other wrote."""
    theirs = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 2000, 2).tolist()
    masks, runs = [], []
    for _ in range(3):
        ends = np.sort(rng.choice(height * width + 1, rng.integers(0, min(40, height * width)), replace=False))
        ends = ends[ends < height * width]
        flat = np.zeros(height * width, np.uint8)
        flat[ends] = 1
        masks.append(np.asfortranarray(np.cumsum(flat).astype(np.uint8).reshape(width, height).T % 2))
        runs.append(np.diff([0, *ends.tolist(), height * width]))
    expected = [theirs.encode(mask)["counts"].decode() for mask in masks]
    assert encode_runs(np.concatenate(runs), np.array([len(one) for one in runs])) == expected
    assert [decode_runs(code) for code in expected] == [one.tolist() for one in runs]


def test_the_longest_runs():
    """Numbers around the limits of five bits, negative ones among them, come back."""
    runs = np.array([0, 15, 16, 17, 511, 512, 2**29 - 1, 0, 3, 2**28])
    (code,) = encode_runs(runs, np.array([len(runs)]))
    assert decode_runs(code) == runs.tolist()
    (code,) = encode_runs(np.array([2**34 - 1]), np.array([1]))
    assert len(code) == 7
    with pytest.raises(AssertionError, match="or more"):
        encode_runs(np.array([2**34]), np.array([1]))
