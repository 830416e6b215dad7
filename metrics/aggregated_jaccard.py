"""The aggregated Jaccard index of an image: AJI and AJI+.

Both add up the pixels that partners share (the intersection), and the pixels that at least one of two partners has (the
union). Objects without a partner add their area to the union. The index is intersection / union, in [0, 1].
"""

from __future__ import annotations

import numpy as np

from metrics.matching import Overlap


def aji_terms(overlap: Overlap) -> tuple[int, int]:
    """Returns the intersection and the union of AJI in pixels.

    Source: Kumar et al. 2017, "A dataset and a technique for generalized nuclear segmentation", Algorithm 1. Each true
    object takes the predicted object with the largest IoU, and of several such objects the one with the lowest id.
    Several true objects may take the same one, whose pixels then count in the union several times.
    """
    rows = overlap.pairs[:, 0]
    order = np.lexsort((-overlap.iou, rows))  # the pairs of a true object stand together, the largest IoU first
    return _aggregated(overlap, order[np.unique(rows[order], return_index=True)[1]])


def aji_plus_terms(overlap: Overlap) -> tuple[int, int]:
    """Returns the intersection and the union of AJI+ in pixels.

    Source: Graham et al. 2019, "HoVer-Net". No object has two partners, and the sum of the IoU of all partners is the
    largest possible one.
    """
    if not len(overlap.pairs):
        return _aggregated(overlap, np.zeros(0, np.int64))
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    # The solver gives every row a column. So each true object has a column of its own, which says that it stays alone.
    # Every row gets one entry, so the 1 that is added to all entries, since none may be 0, does not change the choice.
    true, predicted = len(overlap.true_ids), len(overlap.ids)
    rows, columns, alone = overlap.pairs[:, 0], overlap.pairs[:, 1], np.arange(true)
    entries = np.concatenate([1 + overlap.iou, np.ones(true)])
    places = np.concatenate([rows, alone]), np.concatenate([columns, predicted + alone])
    table = coo_array((entries, places), shape=(true, predicted + true)).tocsr()
    partners = min_weight_full_bipartite_matching(table, maximize=True)[1]  # [true], the column of each row
    return _aggregated(overlap, np.flatnonzero(partners[rows] == columns))


def _aggregated(overlap: Overlap, chosen: np.ndarray) -> tuple[int, int]:
    """Adds up the pairs with the indices `chosen`, [partners] int64, and the objects that are in none of them."""
    rows, columns = overlap.pairs[chosen, 0], overlap.pairs[chosen, 1]
    shared = int(overlap.shared[chosen].sum())
    united = int(overlap.true_areas[rows].sum() + overlap.areas[columns].sum()) - shared
    alone = int(np.delete(overlap.true_areas, rows).sum() + np.delete(overlap.areas, columns).sum())
    return shared, united + alone
