"""Divides the jumping of a validation loss over its frames, recordings and classes."""

from typing import Any

import numpy as np

from dogjax.data.table import FrameTable


def divide_jumps(losses: np.ndarray, frames: FrameTable) -> dict[str, Any] | None:
    """Computes the share of the jumping that each frame makes: `sum_t J_t j_ti / sum_t J_t^2`.

    `j_ti` are the second differences over epochs of the frame's loss, divided by the number of frames, and `J_t` their
    sum over frames: those of the curve, whose squares are its jumping. The shares add up to one exactly, so those of
    recordings and of classes are sums of them. A share is negative where a frame moves against the curve.

    Args:
      losses: float `[epochs, frames]`.
      frames: the frames.

    Returns:
      `class`, `recording` (shares by name; a recording without a name is `""`) and `frame` (shares in the order of the
      frames); None for a curve that does not move, or has fewer than three epochs.
    """
    each = np.diff(losses, 2, axis=0) / losses.shape[1]
    whole = each.sum(axis=1)
    squares = float(whole @ whole)
    if not squares:
        return None
    shares = whole @ each / squares
    classes = np.array(frames.label_names)[frames.label]
    return {
        "class": _sums(shares, classes),
        "recording": _sums(shares, np.asarray(frames.recording, str)),
        "frame": shares.tolist(),
    }


def _sums(shares: np.ndarray, names: np.ndarray) -> dict[str, float]:
    """Returns the sums by name, the largest first."""
    found = {str(name): float(shares[names == name].sum()) for name in np.unique(names)}
    return dict(sorted(found.items(), key=lambda item: -item[1]))
