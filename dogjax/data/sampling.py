"""Which training frames an epoch takes, and in what order: by `train.sampling`, a pure function of a seed.

An epoch takes as many frames as there are training frames. It is a list of visits: the k-th visit of a frame, from 0,
is the frame's number plus k times the number of all frames. Only `balanced` has visits beyond the first.
"""

import numpy as np

from dogjax.data.order import order_of_epoch
from dogjax.data.philox import uniform_rows
from dogjax.data.table import FrameTable


def visits_of_epoch(table: FrameTable, train: np.ndarray, sampling: str, seed: np.ndarray) -> np.ndarray:
    """Returns the visits of an epoch in their order: int64 `[training frames]`.

    Args:
      table: all frames.
      train: int64, the training frames.
      sampling: `shuffled`: a permutation of all; `in_order`: by class, then recording, then time, whatever the seed, as
        Keras's `fit(shuffle=False)` reads a folder; `balanced`: as many frames of each class, or one more or less, in
        a permutation. A class with fewer frames repeats them, and one with more shows other ones next time.
      seed: int64 `[2]`, the epoch's seed of stream `order`.
    """
    if sampling == "in_order":
        return train[np.lexsort((table.time[train], table.recording[train], table.label[train]))]
    visits = _balanced(table, train, seed) if sampling == "balanced" else train
    return visits[order_of_epoch(seed, len(visits))]


def _balanced(table: FrameTable, train: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """Returns as many visits as there are training frames, divided among the classes: int64 `[training frames]`."""
    # By draws, not by `order_of_epoch`: of so few frames that has few permutations, and epochs would repeat them.
    rank, parts = uniform_rows(seed, train, 1)[:, 0], []
    labels = np.unique(table.label[train])
    for place, label in enumerate(labels):
        own = np.flatnonzero(table.label[train] == label)
        own = train[own[np.argsort(rank[own], kind="stable")]]
        count = (len(train) + place) // len(labels)  # these add up to all
        turn, position = np.divmod(np.arange(count), len(own))
        parts.append(own[position] + turn * len(table))
    return np.concatenate(parts)
