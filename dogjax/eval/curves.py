"""Measures of a curve over epochs."""

import numpy as np

FEWEST_EPOCHS = 3


def von_neumann_volatility(losses: np.ndarray) -> float | None:
    """Von Neumann volatility of a loss curve on the log scale.

    `sqrt(sum over t of (y_{t+1} - y_t)^2 / (2 (T - 1)))` with `y = log(loss)` of T epochs (von
    Neumann, Kent, Bellinson & Hart 1941, "The mean square successive difference"). On white noise it
    is the standard deviation, and a slow trend hardly moves it.

    Args:
      losses: float `[epochs]`, at least 0.

    Returns:
      The volatility, in natural-log units; null below three epochs, or where a loss is 0 and so has
      no logarithm.
    """
    losses = np.asarray(losses, np.float64)
    if len(losses) < FEWEST_EPOCHS or not np.all(losses > 0):
        return None
    steps = np.diff(np.log(losses))
    return float(np.sqrt(np.mean(steps**2) / 2))
