"""Do errors go with blur or with the dark?"""

from typing import Any

import numpy as np
from scipy.stats import rankdata, spearmanr

from dogjax.eval.intervals import Groups, too_few_groups

RESAMPLES = 500
PARTS = 5


def describe_quality(
    losses: np.ndarray, wrong: np.ndarray, qualities: dict[str, np.ndarray], groups: Groups, rng: np.random.Generator
) -> dict[str, Any]:
    """For each quality of the frames, its rank correlation with their loss.

    Args:
      losses: float `[frames]`.
      wrong: float `[frames]`, the share of epochs in which a frame is taken for another class.
      qualities: name and float `[frames]`.
      groups: of the frames; drawn with replacement within classes for the interval.
      rng: of the draws.

    Returns:
      Each `correlation` (Spearman's), `interval` (95 %) and `error_by_fifth`, from the lowest fifth of the
      quality to the highest; `correlation` and `interval` are None where one of the two never varies, and the interval
      where groups are too few.
    """
    return {name: _describe(losses, wrong, values, groups, rng) for name, values in qualities.items()}


def _describe(
    losses: np.ndarray, wrong: np.ndarray, values: np.ndarray, groups: Groups, rng: np.random.Generator
) -> dict[str, Any]:
    parts = np.array_split(wrong[np.argsort(values, kind="stable")], PARTS)
    fifths = [float(part.mean()) if len(part) else None for part in parts]
    if not np.ptp(values) or not np.ptp(losses):
        return {"correlation": None, "interval": None, "error_by_fifth": fifths}
    members = np.split(np.argsort(groups.index, kind="stable"), np.cumsum(np.bincount(groups.index))[:-1])
    correlations = []
    for _ in range(RESAMPLES):
        drawn = np.concatenate([members[group] for group in groups.resample(rng)])
        correlations.append(np.corrcoef(rankdata(values[drawn]), rankdata(losses[drawn]))[0, 1])
    found = {"correlation": float(spearmanr(values, losses).statistic), "interval": None, "error_by_fifth": fifths}
    if not too_few_groups(groups) and np.any(np.isfinite(correlations)):
        found["interval"] = np.nanquantile(correlations, [groups.tail, 1 - groups.tail]).tolist()
    return found
