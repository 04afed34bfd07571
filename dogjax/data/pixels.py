"""What is measured on pixels alone: how values 0..255 are scaled for the network, and how sharp a frame is."""

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


def measure_sharpness(image: np.ndarray) -> float:
    """Returns the variance of the Laplacian (4 neighbours, without the edges) of the luma (ITU-R BT.601).

    All sums are of integers, so that their order does not matter.

    Args:
      image: uint8 `[height, width, 3]`.

    References:
      Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, ICPR 2000 (LAPV).
    """
    luma = image.astype(np.int64) @ np.array([299, 587, 114])
    neighbours = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:]
    laplacian = neighbours - 4 * luma[1:-1, 1:-1]
    count, total, squares = laplacian.size, int(laplacian.sum()), int((laplacian**2).sum())
    return (count * squares - total**2) / (count * 1000) ** 2
