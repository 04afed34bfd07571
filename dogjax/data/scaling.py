"""Measures how pixel values 0..255 are scaled before the network sees them."""

from typing import NamedTuple

import numpy as np

from dogjax.data.table import Images

CHUNK = 1024


class Scaling(NamedTuple):
    """(pixel - shift) / scale, each float32 `[3]`."""

    shift: np.ndarray
    scale: np.ndarray


def measure_scaling(images: Images, train: np.ndarray, scale: str) -> Scaling:
    """Returns the scaling that `data.scale` names; `standardise` measures the training frames alone.

    Sums of whole numbers are exact, so the statistics do not depend on the order of reading.
    """
    if scale == "raw":
        return Scaling(np.zeros(3, np.float32), np.ones(3, np.float32))
    if scale == "unit":
        return Scaling(np.zeros(3, np.float32), np.full(3, 255, np.float32))
    total, squares, pixels = np.zeros(3, np.int64), np.zeros(3, np.int64), 0
    for start in range(0, len(train), CHUNK):
        chunk = images.read(train[start : start + CHUNK]).astype(np.int64).reshape(-1, 3)
        total, squares, pixels = total + chunk.sum(0), squares + (chunk**2).sum(0), pixels + len(chunk)
    mean = total / pixels
    deviation = np.sqrt(np.maximum(squares / pixels - mean**2, 1e-12))
    # A channel that never changes carries nothing; dividing by 1 keeps it at 0.
    deviation[deviation < 1e-3] = 1.0
    return Scaling(mean.astype(np.float32), deviation.astype(np.float32))
