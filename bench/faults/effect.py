"""What a fault does: its runs against the sound runs of the same seeds. It counts only if somebody would feel it."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from bench.faults.fault import Fault

# Of all measures of a fault together (Holm 1979), as DeepCrime asks of a mutant that it calls killed.
SIGNIFICANCE = 0.05
# And what a fault must do for somebody to feel it: the loss a tenth higher, two points fewer, jumps half as large again
# and larger than a fiftieth of a nat.
FELT_LOSS = math.log(1.1)
FELT_ACCURACY = 0.02
FELT_JUMPING = math.log(1.5)
LEAST_JUMPING = 0.02
# Of accuracies over seeds, where a fault unsettles the score: the ratio of their standard deviations.
FELT_SPREAD = 1.5


@dataclasses.dataclass(frozen=True)
class Effect:
    """What a fault does at one strength in one world.

    Attributes:
      change: by measure, the mean over seeds: of `loss` and `jumping` the logarithm of the ratio, of `accuracy` the
        difference; of `spread` the logarithm of the ratio of standard deviations over seeds. None where not measured.
      p: by measure, one-sided, not yet corrected.
      felt: the measures that got worse by so much that somebody would feel it.
      hurts: of these, the ones whose change is significant.
      diverged: how many of the faulty runs did.
      seeds: how many pairs of runs.
    """

    change: Mapping[str, float | None]
    p: Mapping[str, float | None]
    felt: tuple[str, ...]
    hurts: tuple[str, ...]
    diverged: int
    seeds: int

    @property
    def verdict(self) -> bool | None:
        """Whether the fault hurts; None where it may, and these seeds are too few to tell."""
        return True if self.hurts else None if self.felt else False


def measure_effect(fault: Fault, faulty: Sequence[Mapping[str, Any]], sound: Sequence[Mapping[str, Any]]) -> Effect:
    """Compares runs pair by pair: by t-tests, with Holm's correction over the measures.

    Args:
      fault: what was planted.
      faulty: rows of its runs.
      sound: rows of the sound runs of the same seeds, in the same order.
    """
    diverged = sum(row["status"] == "diverged" for row in faulty)
    sign = -1.0 if fault.harm == "flatters" else 1.0
    change, p, felt = {}, {}, {}
    for name, differences, least in (
        ("loss", _log_ratios("loss", faulty, sound), FELT_LOSS),
        ("accuracy", _differences("accuracy", sound, faulty), FELT_ACCURACY),
        ("jumping", _log_ratios("jumping", faulty, sound), FELT_JUMPING),
    ):
        towards = 1.0 if name == "jumping" else sign
        change[name], p[name] = _paired(differences, towards)
        felt[name] = change[name] is not None and towards * (change[name] or 0) >= least
    jumps = [row["measures"]["jumping"] for row in faulty if row["measures"]["jumping"] is not None]
    felt["jumping"] &= bool(jumps) and float(np.mean(jumps)) >= LEAST_JUMPING
    if change["accuracy"] is not None:
        change["accuracy"] = -change["accuracy"]
    if fault.harm == "unsettles":
        change["spread"], p["spread"] = _spread(faulty, sound)
        felt["spread"] = (change["spread"] or 0) >= math.log(FELT_SPREAD)
    significant = _holm({name: each for name, each in p.items() if each is not None})
    worse = tuple(name for name in change if felt[name]) + (("diverged",) if diverged else ())
    often = {"diverged"} if 2 * diverged >= len(faulty) else set()
    hurts = tuple(name for name in worse if name in significant | often)
    return Effect(change, p, worse, hurts, diverged, len(faulty))


def _pairs(name: str, some: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> np.ndarray:
    pairs = [(a["measures"][name], b["measures"][name]) for a, b in zip(some, others)]
    return np.array([pair for pair in pairs if None not in pair], np.float64).reshape(-1, 2)


def _log_ratios(name: str, some: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> np.ndarray:
    pairs = np.maximum(_pairs(name, some, others), 1e-6)
    return np.log(pairs[:, 0] / pairs[:, 1])


def _differences(name: str, some: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> np.ndarray:
    pairs = _pairs(name, some, others)
    return pairs[:, 0] - pairs[:, 1]


def _paired(differences: np.ndarray, towards: float) -> tuple[float | None, float | None]:
    """Returns the mean, and the p-value of a paired t-test that it lies on the side of `towards`."""
    if len(differences) < 2:
        return None, None
    mean = float(differences.mean())
    if np.allclose(differences, mean, rtol=1e-9):  # beyond any test, and rounding would be its denominator
        return mean, 0.0 if towards * mean > 0 else 1.0
    return mean, float(stats.ttest_1samp(towards * differences, 0.0, alternative="greater").pvalue)


def _spread(
    faulty: Sequence[Mapping[str, Any]], sound: Sequence[Mapping[str, Any]]
) -> tuple[float | None, float | None]:
    """Returns the logarithm of the ratio of standard deviations of accuracies over seeds, and its F-test's p-value."""
    pairs = _pairs("accuracy", faulty, sound)
    if len(pairs) < 2:
        return None, None
    variances = np.maximum(pairs.var(axis=0, ddof=1), 1e-12)
    ratio, freedom = variances[0] / variances[1], len(pairs) - 1
    return float(math.log(ratio) / 2), float(stats.f.sf(ratio, freedom, freedom))


def _holm(p: Mapping[str, float]) -> set[str]:
    """Returns the names whose hypotheses Holm's procedure rejects."""
    rejected: set[str] = set()
    for number, name in enumerate(sorted(p, key=lambda each: p[each])):
        if p[name] > SIGNIFICANCE / (len(p) - number):
            break
        rejected.add(name)
    return rejected
