"""The compressed run-length codes of COCO: lengths of runs ↔ text.

Source: the code of masks in cocoapi (`maskApi.c`). The runs lie outside and inside an object in turns, from the first
pixel of the image on, column by column. Each number is written in letters of six bits from "0" on, the lowest five bits
first; the sixth bit says that another letter follows, and the fifth bit of the last one is the sign. From the fourth
number on, they are differences from the number before the last.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

MAX_LETTERS = 6  # of one number that is read: 30 bits, and no image that is read has 2**29 pixels
MOST_LETTERS = 7  # of one number that is written: 35 bits
FIRST = 48  # the letter "0"


def decode_runs(code: str) -> list[int]:
    """A compressed code → lengths of runs.

    Raises:
        ValueError: the text is no such code.
    """
    runs: list[int] = []
    value, shift = 0, 0
    for letter in code:
        bits = ord(letter) - FIRST
        if not 0 <= bits < 64:
            raise ValueError(f"its code holds {letter!r}, which is none of the letters of such codes")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            if shift >= 5 * MAX_LETTERS:
                raise ValueError(f"its code has a number of more than {MAX_LETTERS} letters")
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value, shift = 0, 0
    if shift:
        raise ValueError("its code ends within a number")
    return runs


def encode_runs(runs: np.ndarray, counts: np.ndarray) -> list[str]:
    """Lengths of runs → compressed codes, of many objects at once.

    Args:
        runs: [sum of `counts`] int64 from 0 to 2**34 − 1, the runs of one object behind those of the other.
        counts: [n] int64, how many of them each object has.

    Returns:
        The codes of the n objects.
    """
    ends = np.cumsum(counts)
    place = np.arange(len(runs)) - np.repeat(ends - counts, counts)  # within the object
    values = runs.astype(np.int64)
    late = np.flatnonzero(place > 2)
    values[late] -= runs[late - 2]
    letters = np.zeros((len(values), MOST_LETTERS), np.uint8)
    used = np.zeros(letters.shape, bool)
    rest, left = values, np.arange(len(values))  # what is left of the numbers that are not finished
    for column in range(MOST_LETTERS):
        bits, rest = rest & 31, rest >> 5
        more = rest != -(bits >> 4)  # not all further bits equal the sign
        letters[left, column] = FIRST + bits + 32 * more
        used[left, column] = True
        rest, left = rest[more], left[more]
    assert not len(left), "a run of 2**34 pixels or more"
    text = letters[used].tobytes().decode("ascii")
    behind = np.concatenate([[0], np.cumsum(used.sum(axis=1))])  # letters before each number
    bounds = behind[np.concatenate([[0], ends])].tolist()
    return [text[start:end] for start, end in pairwise(bounds)]
