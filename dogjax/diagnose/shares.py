"""How much of a curve's volatility belongs to each switch: Shapley values, with a bootstrap over recordings."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dogjax.diagnose.counterfactual import Counterfactuals, Switches, subsets
from dogjax.eval.curves import von_neumann_volatility
from dogjax.eval.intervals import Groups, too_few_groups

RESAMPLES = 500


def shapley_values(switches: Sequence[str], value: Mapping[Switches, float]) -> dict[str, float]:
    """`phi_i = sum over S without i of |S|! (k - |S| - 1)! / k! [v(S + i) - v(S)]` (Shapley 1953).

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


def shares_of_volatility(switches: Sequence[str], curves: Mapping[Switches, np.ndarray]) -> dict[str, float] | None:
    """Shares of the volatility that goes when all switches are on, and `unexplained`, what stays; their sum is 1.

    The Shapley values of the log volatility divide the drop exactly; `(1 - sigma_on / sigma_off) / drop` turns them
    into shares of the volatility itself. A switch that makes it worse has a share below 0.

    Args:
      switches: those of the run.
      curves: mean loss `[epochs]` by the set of switches that are on.

    Returns:
      Null where a volatility is not defined, or zero.
    """
    volatilities = {on: von_neumann_volatility(curve) for on, curve in curves.items()}
    if not all(volatilities.values()):
        return None
    value = {on: math.log(volatility) for on, volatility in volatilities.items() if volatility}
    drop = value[frozenset()] - value[frozenset(switches)]
    scale = -math.expm1(-drop) / drop if drop else 1.0
    shares = {switch: -phi * scale for switch, phi in shapley_values(switches, value).items()}
    return shares | {"unexplained": math.exp(-drop)}


def shares_with_intervals(found: Counterfactuals, groups: Groups, rng: np.random.Generator) -> dict[str, Any] | None:
    """`shares_of_volatility` of the run, each `share` and `interval`: groups are drawn with replacement within classes.

    The interval says how far the shares depend on the validation frames; another training run is another matter. It is
    None where groups are too few, or most of their draws have no volatility.
    """
    shares = shares_of_volatility(found.switches, {on: found.curve(on) for on in found.losses})
    if shares is None:
        return None
    resampled = [] if too_few_groups(groups) else [each for each in _resampled_shares(found, groups, rng) if each]
    table: dict[str, Any] = {}
    for name, share in shares.items():
        values = [each[name] for each in resampled]
        table[name] = {"share": share, "interval": None}
        if len(values) > RESAMPLES / 2:
            table[name]["interval"] = np.quantile(values, [groups.tail, 1 - groups.tail]).tolist()
    return table


def _resampled_shares(
    found: Counterfactuals, groups: Groups, rng: np.random.Generator
) -> list[dict[str, float] | None]:
    counts = np.bincount(groups.index)
    sums = {
        on: np.stack([np.bincount(groups.index, weights=losses) for losses in each])
        for on, each in found.losses.items()
    }
    shares = []
    for _ in range(RESAMPLES):
        weights = np.bincount(groups.resample(rng), minlength=len(counts))
        curves = {on: each @ weights / (counts @ weights) for on, each in sums.items()}
        shares.append(shares_of_volatility(found.switches, curves))
    return shares
