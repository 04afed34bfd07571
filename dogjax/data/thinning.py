"""Keeps a share of the training frames, or of the recordings that they come from.

A share of the frames leaves as many recordings, seen less often; a share of the recordings leaves fewer. Frames a
second apart are near-duplicates, so only the second tells whether more recordings would help.
"""

import numpy as np

from dogjax.config import SplitConfig
from dogjax.data.table import FrameTable
from dogjax.errors import UserError
from dogjax.prng import Streams


def thin(table: FrameTable, train: np.ndarray, config: SplitConfig, streams: Streams) -> np.ndarray:
    """Returns the training frames that are kept, int64, ascending; a smaller share is a subset of a larger one.

    `train_recordings` of the recordings of each class stay, and `train_fraction` of their frames; at least one of each.

    Raises:
      UserError: recordings are to be dropped, and the data name none.
    """
    if config.train_recordings < 1:
        if not np.all(table.recording[train]):
            raise UserError(
                f"split.train_recordings={config.train_recordings}: the data name no recordings; "
                "use split.train_fraction, which drops frames"
            )
        train = _share(
            train, table.label, table.recording, config.train_recordings, streams.split_generator("train_recordings")
        )
    return _share(
        train, table.label, np.arange(len(table)), config.train_fraction, streams.split_generator("train_fraction")
    )


def _share(
    train: np.ndarray, label: np.ndarray, unit: np.ndarray, share: float, generator: np.random.Generator
) -> np.ndarray:
    """Returns the frames of a share of each class's units; `unit` `[frames]` names the unit of each frame."""
    names, number = np.unique(unit, return_inverse=True)
    rank = generator.permutation(len(names))[number[train]]
    kept = []
    for each in np.unique(label[train]):
        own = label[train] == each
        ranks = np.unique(rank[own])
        last = ranks[max(1, round(share * len(ranks))) - 1]
        kept.append(train[own & (rank <= last)])
    return np.sort(np.concatenate(kept)) if kept else train
