"""Computes how much of a curve's jumping goes with each switch: alone, last, and as a Shapley share.

With J(S) the jumping of the validation loss with the switches S on:

    alone    1 - J({i}) / J({})          what goes if this alone is changed
    last     1 - J(all) / J(all but i)   what it adds to all the others
    share    the Shapley value of log J, as a share of what all switches do together

`alone` ranks causes and is what sentences say. Where several changes each take most of the jumping they are links of
a chain, and shares that add up to one cannot say that.
"""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import t

from dogjax.eval.curves import jumping, last_epochs
from dogjax.eval.intervals import Groups, too_few_groups

Switches = frozenset[str]

RESAMPLES = 2000
# Second differences of a curve that are resampled together: neighbours have two of their three epochs in common.
BLOCK = 3
# A jumping below this part of the curve's own counts as this part, so that its logarithm exists.
LEAST = 1e-6


@dataclasses.dataclass(frozen=True)
class Attribution:
    """What one switch does.

    Attributes:
      alone: the part of the jumping that goes with this switch alone; below 0 it jumps more.
      interval: 95 %, of `alone`, over validation groups and epochs; None where groups are too few.
      last: the part of what is left with all others that goes with this one, too.
      share: of what all switches do together; None where some are negative, so that shares mislead.
      loss: the part of the mean loss of the last epochs that goes with this switch alone.
      loss_interval: 95 %, of `loss`.
    """

    alone: float
    interval: tuple[float, float] | None
    last: float
    share: float | None
    loss: float
    loss_interval: tuple[float, float] | None


def subsets(switches: Sequence[str]) -> list[Switches]:
    """Returns every set of switches, from none to all."""
    return [frozenset(each) for size in range(len(switches) + 1) for each in itertools.combinations(switches, size)]


def shapley_values(switches: Sequence[str], value: Mapping[Switches, float]) -> dict[str, float]:
    """Computes `phi_i = sum over S without i of |S|! (k - |S| - 1)! / k! [v(S + i) - v(S)]` (Shapley 1953).

    Args:
      switches: the k players.
      value: of every subset.

    Returns:
      One value a switch; their sum is `v(all) - v(none)`.
    """
    k = len(switches)
    return {
        switch: sum(
            math.factorial(len(on))
            * math.factorial(k - len(on) - 1)
            / math.factorial(k)
            * (value[on | {switch}] - value[on])
            for on in subsets([each for each in switches if each != switch])
        )
        for switch in switches
    }


def attribute(
    switches: Sequence[str],
    losses: Mapping[Switches, np.ndarray],
    needs: Mapping[str, str],
    groups: Groups,
    rng: np.random.Generator,
) -> dict[str, Attribution] | None:
    """Computes the attribution of each switch.

    Args:
      switches: their names.
      losses: float `[epochs, frames]` of every subset of them that holds what its switches need.
      needs: a switch that changes one thing only beside another, and that other: it is held against the other alone.
      groups: of the frames.
      rng: of the resamples.

    Returns:
      By name; None if the curve does not move, or has fewer than three epochs.
    """
    curves = {on: each.mean(axis=1) for on, each in losses.items()}
    before = jumping(curves[frozenset()])
    if not before:
        return None
    value = {on: math.log(max(jumping(curve) or 0.0, LEAST * before)) for on, curve in curves.items()}
    for on in subsets(switches):
        value.setdefault(on, _by_ratio(on, needs, value))
    nothing, everything = value[frozenset()], value[frozenset(switches)]
    shapley = shapley_values(switches, value)
    together = everything - nothing
    are_shares = together < 0 and all(each <= 0 for each in shapley.values())
    draws = None if too_few_groups(groups) else _Resamples(groups, curves[frozenset()], rng)
    found, last = {}, last_epochs(len(curves[frozenset()]))
    for switch in switches:
        without = frozenset({needs[switch]} if switch in needs else ())
        pair = losses[without], losses[without | {switch}]
        found[switch] = Attribution(
            alone=-math.expm1(value[without | {switch}] - value[without]),
            interval=draws and draws.interval_of_jumping(*pair),
            last=-math.expm1(everything - value[frozenset(switches) - {switch}]),
            share=shapley[switch] / together if are_shares else None,
            loss=1 - float(pair[1][-last:].mean() / pair[0][-last:].mean()),
            loss_interval=draws and draws.interval_of_loss(*(each[-last:] for each in pair)),
        )
    return found


def _by_ratio(on: Switches, needs: Mapping[str, str], value: Mapping[Switches, float]) -> float:
    """Returns log J of a set without what its switches need: each takes the part that it takes beside that."""
    lacking = {switch for switch in on if switch in needs and needs[switch] not in on}
    whole = on | {needs[switch] for switch in lacking}
    return value[on - lacking] + value[whole] - value[whole - lacking]


class _Resamples:
    """Draws of groups, within classes, and of blocks of epochs: the same for all switches.

    Intervals are of the logarithm of a ratio: its value, and Student's t times its standard deviation over the draws.
    A percentile would need more draws than there is time for where groups are few. One leap carries a sum of squares,
    so epochs are drawn, too: the interval is over other frames and over other epochs of this run.

    Args:
      groups: of the frames.
      curve: float `[epochs]`.
      rng: of the draws.
    """

    def __init__(self, groups: Groups, curve: np.ndarray, rng: np.random.Generator) -> None:
        self._groups, self._counts = groups, np.bincount(groups.index)
        members = len(self._counts)
        self._weights = np.stack([np.bincount(groups.resample(rng), minlength=members) for _ in range(RESAMPLES)])
        self._last = _blocks(last_epochs(len(curve)), RESAMPLES, 1, rng)
        self._terms = _blocks(len(curve) - 2, RESAMPLES, BLOCK, rng)
        spare = members - len(np.unique(groups.strata))
        # Resampling n groups understates their variance by (n - 1) / n (Hesterberg 2015, section 3.2).
        self._inflation = math.sqrt(members / spare)
        self._t_groups = float(t.ppf(0.975, spare))
        self._t_epochs = float(t.ppf(0.975, max(1, (len(curve) - 2) // BLOCK - 1)))

    def interval_of_jumping(self, before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
        def log_jumping(losses: np.ndarray, terms: np.ndarray | None, weights: np.ndarray | None) -> np.ndarray:
            squares = np.diff(self._curves(losses, weights), 2, axis=1) ** 2
            if terms is not None:
                squares = np.take_along_axis(np.broadcast_to(squares, terms.shape), terms, axis=1)
            return 0.5 * np.log(np.maximum(squares.mean(axis=1), LEAST**2 * _mean_square(before)))

        return self._interval(log_jumping, before, after, self._terms)

    def interval_of_loss(self, before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
        def log_loss(losses: np.ndarray, epochs: np.ndarray | None, weights: np.ndarray | None) -> np.ndarray:
            curves = self._curves(losses, weights)
            if epochs is not None:
                curves = np.take_along_axis(np.broadcast_to(curves, epochs.shape), epochs, axis=1)
            return np.log(np.maximum(curves.mean(axis=1), 1e-12))

        return self._interval(log_loss, before, after, self._last)

    def _curves(self, losses: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        """The curve of each draw of groups, `[draws, epochs]`; of none, the one curve."""
        if weights is None:
            return losses.mean(axis=1)[np.newaxis]
        sums = np.stack([np.bincount(self._groups.index, weights=each) for each in losses])
        return weights @ sums.T / (weights @ self._counts)[:, np.newaxis]

    def _interval(self, statistic, before: np.ndarray, after: np.ndarray, epochs: np.ndarray) -> tuple[float, float]:
        """Returns the limits of `1 - ratio`, the groups' and the epochs' parts of the error added as variances."""

        def log_ratio(epochs: np.ndarray | None, weights: np.ndarray | None) -> np.ndarray:
            return statistic(after, epochs, weights) - statistic(before, epochs, weights)

        centre = float(log_ratio(None, None)[0])
        of_groups = self._t_groups * self._inflation * float(log_ratio(None, self._weights).std())
        of_epochs = self._t_epochs * float(log_ratio(epochs, None).std())
        half = math.hypot(of_groups, of_epochs)
        return -math.expm1(centre + half), -math.expm1(centre - half)


def _mean_square(losses: np.ndarray) -> float:
    return float(np.mean(np.diff(losses.mean(axis=1), 2) ** 2))


def _blocks(length: int, draws: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Draws places in circular blocks of `size` places, int64 `[draws, length]`."""
    starts = rng.integers(length, size=(draws, -(-length // size)))
    places = (starts[:, :, np.newaxis] + np.arange(size)) % length
    return places.reshape(draws, -1)[:, :length]
