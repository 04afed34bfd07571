"""How sharp a frame is. Apart from the decoder, so that arrays are measured where PyAV is not installed."""

import numpy as np


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
