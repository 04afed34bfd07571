"""Keeps a share of the training frames, of one class or of all, or of the recordings that they come from.

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

    `train_recordings` of the recordings of each class stay, `train_fraction` of their frames, and of these the class's
    own share in `class_shares`; at least one of each.

    Args:
      table: all frames.
      train: int64, ascending, the training frames.
      config: its labels are the table's.
      streams: `split` draws.

    Raises:
      UserError: recordings are to be dropped, and the data name none.
    """
    labels = range(len(table.label_names))
    if config.train_recordings < 1:
        if not np.all(table.recording[train]):
            raise UserError(
                f"split.train_recordings={config.train_recordings}: the data name no recordings; "
                "use split.train_fraction, which drops frames"
            )
        shares = dict.fromkeys(labels, config.train_recordings)
        train = _share(train, table.label, table.recording, shares, streams.split_generator("train_recordings"))
    frames, shares = np.arange(len(table)), dict.fromkeys(labels, config.train_fraction)
    train = _share(train, table.label, frames, shares, streams.split_generator("train_fraction"))
    shares = {table.label_names.index(name): share for name, share in config.class_shares}
    return _share(train, table.label, frames, shares, streams.split_generator("class_shares"))


def _share(
    train: np.ndarray, label: np.ndarray, unit: np.ndarray, shares: dict[int, float], generator: np.random.Generator
) -> np.ndarray:
    """Returns the training frames of a share of each class's units.

    Args:
      train: int64, frame numbers.
      label: `[frames]`.
      unit: `[frames]`, the unit of each frame.
      shares: by label; a class without one keeps all.
      generator: ranks the units; those of the first ranks stay.
    """
    names, number = np.unique(unit, return_inverse=True)
    rank = generator.permutation(len(names))[number[train]]
    kept = np.ones(len(train), bool)
    for each, share in shares.items():
        own = label[train] == each
        ranks = np.unique(rank[own])
        if len(ranks):
            kept[own] = rank[own] <= ranks[max(1, round(share * len(ranks))) - 1]
    return train[kept]
