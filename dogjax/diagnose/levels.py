"""How much of the loss itself belongs to a switch: what a curve's level is worth, beside its jumps."""

from typing import Any

import numpy as np

from dogjax.diagnose.counterfactual import Counterfactuals
from dogjax.eval.intervals import Groups, too_few_groups

RESAMPLES = 2000


def drops_with_intervals(found: Counterfactuals, groups: Groups, rng: np.random.Generator) -> dict[str, Any]:
    """`1 - loss with the switch alone / loss as it was`, over all scored epochs, for each switch.

    Returns:
      Each `share` and `interval`: 95 %, percentile, groups drawn with replacement within dogs; null where they are too
      few.
    """
    counts = np.bincount(groups.index)
    weights = np.stack([np.bincount(groups.resample(rng), minlength=len(counts)) for _ in range(RESAMPLES)])
    before = _sums(found, frozenset(), groups)
    table = {}
    for switch in found.switches:
        after = _sums(found, frozenset({switch}), groups)
        interval = np.quantile(1 - (weights @ after) / (weights @ before), [0.025, 0.975]).tolist()
        share = float(1 - after.sum() / before.sum())
        table[switch] = {"share": share, "interval": None if too_few_groups(groups) else interval}
    return table


def _sums(found: Counterfactuals, on: frozenset[str], groups: Groups) -> np.ndarray:
    return np.bincount(groups.index, weights=found.losses[on].mean(axis=0))
