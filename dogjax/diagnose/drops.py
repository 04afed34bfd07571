"""How much of the loss itself belongs to a switch: what a curve's level is worth, beside its jumps."""

from typing import Any

import numpy as np

from dogjax.diagnose.counterfactual import Counterfactuals
from dogjax.eval.intervals import Groups, too_few_groups

RESAMPLES = 2000


def drops_with_intervals(found: Counterfactuals, groups: Groups, rng: np.random.Generator) -> dict[str, Any]:
    """`1 - loss with the switch alone / loss as it was`, over all scored epochs, for each switch.

    Returns:
      Each `share` and `interval`: 95 %, groups drawn with replacement within classes, None where they are too few.
      Empty without a loss.
    """
    if not found.losses[frozenset()].any():
        return {}
    counts = np.bincount(groups.index)
    weights = np.stack([np.bincount(groups.resample(rng), minlength=len(counts)) for _ in range(RESAMPLES)])
    before = _sums(found, frozenset(), groups)
    table = {}
    for switch in found.switches:
        after = _sums(found, frozenset({switch}), groups)
        table[switch] = {"share": float(1 - after.sum() / before.sum()), "interval": None}
        if not too_few_groups(groups) and np.all(weights @ before > 0):
            resampled = 1 - (weights @ after) / (weights @ before)
            table[switch]["interval"] = np.quantile(resampled, [groups.tail, 1 - groups.tail]).tolist()
    return table


def _sums(found: Counterfactuals, on: frozenset[str], groups: Groups) -> np.ndarray:
    return np.bincount(groups.index, weights=found.losses[on].mean(axis=0))
