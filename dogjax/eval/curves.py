"""Measures how a curve moves over epochs."""

import numpy as np

FEWEST_EPOCHS = 3

# A run's score is a mean over its last epochs: this part of all, and at most so many.
LAST_PART, MOST_LAST = 4, 10


def last_epochs(epochs: int) -> int:
    """Returns the number of epochs, the last ones, whose mean is a run's score: one epoch is the level and a jump."""
    return min(MOST_LAST, -(-epochs // LAST_PART))


def jumping(losses: np.ndarray) -> float | None:
    """Computes how far a curve jumps from epoch to epoch, in its own units.

    `sqrt(sum over t of (L_{t-1} - 2 L_t + L_{t+1})^2 / (6 (T - 2)))` of T epochs: for independent noise around a
    straight fall it is the standard deviation of that noise; a smooth fall has none (second differences of noise have
    six times its variance; Rice 1984, Ann. Stat. 12:1215, on differences).

    Args:
      losses: float `[epochs]`.

    Returns:
      In nats for a loss, in shares for an accuracy; None below three epochs.
    """
    losses = np.asarray(losses, np.float64)
    if len(losses) < FEWEST_EPOCHS:
        return None
    return float(np.sqrt(np.mean(np.diff(losses, 2) ** 2) / 6))


def relative_jumping(losses: np.ndarray) -> float | None:
    """Computes `jumping` of the logarithm of a loss: the noise from epoch to epoch, as a share of the loss.

    A loss that falls by the same share in every epoch has none. None below three epochs, or if a loss is 0.
    """
    losses = np.asarray(losses, np.float64)
    return jumping(np.log(losses)) if np.all(losses > 0) else None


def von_neumann_volatility(losses: np.ndarray) -> float | None:
    """Computes the von Neumann volatility of a loss curve on the log scale.

    `sqrt(sum over t of (y_{t+1} - y_t)^2 / (2 (T - 1)))` with `y = log(loss)` of T epochs (von
    Neumann, Kent, Bellinson & Hart 1941, "The mean square successive difference"). On white noise it
    is the standard deviation, and a slow trend hardly moves it.

    Args:
      losses: float `[epochs]`, at least 0.

    Returns:
      The volatility, in natural-log units; None below three epochs, or if a loss is 0 and so has no
      logarithm.
    """
    losses = np.asarray(losses, np.float64)
    if len(losses) < FEWEST_EPOCHS or not np.all(losses > 0):
        return None
    steps = np.diff(np.log(losses))
    return float(np.sqrt(np.mean(steps**2) / 2))


def robust_volatility(losses: np.ndarray) -> float | None:
    """Computes the volatility of the usual epoch, without spikes: `1.4826 MAD(diff y) / sqrt(2)`, `y = log(loss)`.

    1.4826 times the median absolute deviation is the standard deviation of normal values (Rousseeuw & Croux
    1993, JASA 88:1273). None if `von_neumann_volatility` is.
    """
    if von_neumann_volatility(losses) is None:
        return None
    steps = np.diff(np.log(losses))
    return float(_scaled_mad(steps) / np.sqrt(2))


def oscillation(losses: np.ndarray) -> float | None:
    """Computes half of von Neumann's ratio, `sigma_vN^2 / var(y)`: near 0 a trend, near 1 noise, above 1 to and fro.

    None if the volatility is, and for a constant curve.
    """
    volatility = von_neumann_volatility(losses)
    variance = np.var(np.log(losses), ddof=1) if volatility is not None else 0.0
    return float(volatility**2 / variance) if volatility is not None and variance else None


def spike_share(losses: np.ndarray) -> float | None:
    """Computes the share of epochs with a spike: `y_t` lies above the median of the 11 epochs around by 3 scaled MADs.

    None if the volatility is.
    """
    if von_neumann_volatility(losses) is None:
        return None
    y = np.log(losses)
    rests = y - np.array([np.median(y[max(0, t - 5) : t + 6]) for t in range(len(y))])
    return float(np.mean(rests > 3 * _scaled_mad(rests))) if np.ptp(rests) else 0.0


def drawdown(accuracies: np.ndarray) -> float:
    """Computes the deepest fall of accuracy below the best so far."""
    return float(np.max(np.maximum.accumulate(accuracies) - accuracies))


def _scaled_mad(values: np.ndarray) -> float:
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))
