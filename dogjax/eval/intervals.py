"""Measures how far a validation score can be trusted: block bootstrap over recordings, effective sample size.

Frames of one recording resemble each other, so neither measure takes frames as independent.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import bootstrap, norm, t

from dogjax.data.audit import lacking_groups
from dogjax.data.splits import block_numbers

RESAMPLES = 2000
# Resemblance fades with seconds, not with frames, so the n^(1/3) frames of Hall, Horowitz & Jing (1995)
# would be a second or so of video at 10 frames a second. This is the longest block that a `block` split chooses by
# itself.
BLOCK_SECONDS = 30.0
# Resamples in memory at once.
BATCH = 100


@dataclasses.dataclass(frozen=True)
class Groups:
    """Groups of frames that are resampled as a whole.

    Attributes:
      unit: `recording`; `block` if a class has a single recording; `frame` if the data do not name recordings.
      index: int64 `[frames]`, the group of each frame.
      strata: int64 `[groups]`, the label that each group counts for.
      notes: the limits of the grouping, in words.
    """

    unit: str
    index: np.ndarray
    strata: np.ndarray
    notes: tuple[str, ...]

    def resample(self, rng: np.random.Generator) -> np.ndarray:
        """Draws group numbers with replacement within each stratum: int64 `[groups]`."""
        members = (np.flatnonzero(self.strata == label) for label in np.unique(self.strata))
        return np.concatenate([rng.choice(numbers, len(numbers)) for numbers in members])

    @property
    def tail(self) -> float:
        """The share of the resamples below a 95 % percentile interval, and above: `Phi(sqrt(G / v) t_{v, .025})`.

        Less than .025, since the plain interval is too narrow when groups are few (Hesterberg 2015, "What teachers
        should know about the bootstrap", sections 3.2 and 5.3); G groups and v = groups - strata, which must not be 0;
        v / G is his (n - 1) / n for equal strata.
        """
        spare = len(self.strata) - len(np.unique(self.strata))
        return float(norm.cdf(np.sqrt(len(self.strata) / spare) * t.ppf(0.025, spare)))


def group_frames(
    labels: np.ndarray,
    recordings: np.ndarray,
    times: np.ndarray,
    label_names: Sequence[str],
    block_seconds: float | None = None,
) -> Groups:
    """Groups frames by recording, or by blocks of time for a class that has a single recording.

    A recording that shows several classes is one group, and counts for the class with most frames in it. Blocks are
    the split's, counted from the recording's start, or hold the frames of less than 30 seconds from their first.

    Args:
      labels: int `[frames]`.
      recordings: text `[frames]`; if any is `""`, every frame is a group.
      times: float `[frames]`, seconds from the recording's start.
      label_names: one name a class.
      block_seconds: of the blocks that the split holds out; None if it does not hold out blocks.
    """
    if unnamed := np.count_nonzero(recordings == ""):
        note = f"the data name no recording for {unnamed} of {len(labels)} frames, so all are taken as independent"
        return Groups("frame", np.arange(len(labels)), labels, (note,))
    names, index = np.unique(recordings, return_inverse=True)
    strata = _most_frequent_label(index, labels, len(names), len(label_names))
    lone = np.flatnonzero(np.bincount(strata)[strata] == 1)
    if not len(lone):
        return Groups("recording", index, strata, ())
    for group in lone:
        frames = np.flatnonzero(index == group)
        blocks = _blocks(times[frames], block_seconds)
        # The first block keeps the recording's number; the others are numbered on from the last group.
        index[frames[blocks > 0]] = len(strata) + blocks[blocks > 0] - 1
        strata = np.append(strata, np.full(blocks.max(), strata[group]))
    classes = ", ".join(sorted(f"'{label_names[label]}'" for label in strata[lone]))
    notes = [
        f"blocks of {block_seconds or BLOCK_SECONDS:g} s stand for recordings of classes with only one ({classes}), "
        "so how one recording differs from the next is not counted"
    ]
    if block_seconds and block_seconds < BLOCK_SECONDS:
        notes.append("blocks as short as these resemble their neighbours, so an interval over them is too narrow")
    return Groups("block", index, strata, tuple(notes))


def too_few_groups(groups: Groups) -> str | None:
    """Says why drawing groups with replacement cannot give an interval; None if it can."""
    lacking = lacking_groups(np.bincount(groups.strata))
    return f"too few {groups.unit}s for an interval: {lacking}" if lacking else None


def bootstrap_intervals(
    correct: np.ndarray, losses: np.ndarray, groups: Groups, rng: np.random.Generator
) -> dict[str, Any]:
    """Estimates 95 % intervals of accuracy and mean loss, ready for JSON.

    Groups are drawn with replacement within each stratum, so each class keeps its number of groups; the
    statistic is the sum over groups divided by the frames in them. The interval is the percentile
    interval with the tails of `Groups.tail`.

    Args:
      correct: bool `[frames]`.
      losses: float `[frames]`.
      groups: of the frames.
      rng: of the resamples.

    Returns:
      `accuracy` and `loss`, each `[low, high]`, or None if it cannot be estimated: groups are too few, or
      those of each class are alike, which an interval of width zero would present as certainty; `unit` and
      the number of `groups`; and `note`, the reasons and limits in words, or None.
    """
    notes = list(groups.notes)
    intervals: dict[str, list[float] | None] = {"accuracy": None, "loss": None}
    if reason := too_few_groups(groups):
        notes.append(reason)
    else:
        for name, values in (("accuracy", correct), ("loss", losses)):
            intervals[name] = _interval(values, groups, rng)
            if intervals[name] is None:
                notes.append(
                    f"resampling {groups.unit}s within classes shows no variation of {name}, "
                    "so no interval of it can be estimated"
                )
    return {
        **intervals,
        "unit": groups.unit,
        "groups": len(groups.strata),
        "note": "; ".join(notes) if notes else None,
    }


def effective_sample_size(correct: np.ndarray, groups: Groups) -> dict[str, Any]:
    """Estimates how many independent frames would tell the accuracy as precisely, ready for JSON.

    `n_eff = n / (1 + (m - 1) rho)`, the design effect of Kish (1965), with m the mean group size
    weighted by size, `sum n_i^2 / n`. rho is the intraclass correlation of correctness by one-way
    analysis of variance, ICC(1, 1) of Shrout & Fleiss (1979), for unequal groups (Donner 1986):
    `rho = (MSB - MSW) / (MSB + (m0 - 1) MSW)`, `m0 = (n - sum n_i^2 / n) / (k - 1)`, truncated at 0.
    A class that is easier than another counts as correlation too.

    Args:
      correct: bool `[frames]`.
      groups: of the frames.

    Returns:
      `n_eff`, `rho`, `mean_group_size` (m), `groups` (k), and `note`: None, or why `n_eff` and `rho`
      are None.
    """
    sizes, right = np.bincount(groups.index), np.bincount(groups.index, weights=correct)
    n, k = len(correct), len(sizes)
    size = float(np.sum(sizes**2) / n)
    note = None
    if right.sum() in (0, n):
        note = f"every frame is {'right' if right.sum() else 'wrong'}, so their correlation cannot be estimated"
    elif k in (1, n):
        what = "a single group" if k == 1 else "one frame in each group"
        note = f"there is {what}, so the correlation within groups cannot be estimated"
    rho = None if note else _intraclass_correlation(sizes, right)
    return {
        "n_eff": None if rho is None else n / (1 + (size - 1) * rho),
        "rho": rho,
        "mean_group_size": size,
        "groups": k,
        "note": note,
    }


def _most_frequent_label(index: np.ndarray, labels: np.ndarray, groups: int, classes: int) -> np.ndarray:
    counts = np.bincount(index * classes + labels, minlength=groups * classes)
    return counts.reshape(groups, classes).argmax(axis=1)


def _blocks(times: np.ndarray, seconds: float | None) -> np.ndarray:
    """Returns the number, from 0 and without a gap, of each frame's block: int64 `[frames]`."""
    if seconds is not None:
        return np.unique(block_numbers(times, seconds), return_inverse=True)[1]
    numbers = np.zeros(len(times), np.int64)
    start, number = np.min(times), 0
    for frame in np.argsort(times, kind="stable"):
        if times[frame] - start >= BLOCK_SECONDS:
            start, number = times[frame], number + 1
        numbers[frame] = number
    return numbers


def _interval(values: np.ndarray, groups: Groups, rng: np.random.Generator) -> list[float] | None:
    """Returns `[low, high]`; None if every resample, or every group of a stratum, gives the same value."""
    sums, counts = np.bincount(groups.index, weights=values), np.bincount(groups.index)
    members = [np.flatnonzero(groups.strata == label) for label in np.unique(groups.strata)]

    def mean_over_frames(*resampled: np.ndarray, axis: int) -> np.ndarray:
        chosen = np.concatenate(resampled, axis)
        return sums[chosen].sum(axis) / counts[chosen].sum(axis)

    interval = bootstrap(
        members,
        mean_over_frames,
        n_resamples=RESAMPLES,
        batch=BATCH,
        vectorized=True,
        confidence_level=1 - 2 * groups.tail,
        method="percentile",
        rng=rng,
    ).confidence_interval
    low, high = float(interval.low), float(interval.high)
    means = sums / counts
    # Groups of one mean but of different lengths still give some width, by the weights of the classes alone.
    if _are_equal(low, high) or all(_are_equal(means[numbers].min(), means[numbers].max()) for numbers in members):
        return None
    return [low, high]


def _are_equal(low: float, high: float) -> bool:
    """Whether two sums differ by no more than the rounding of another order of their terms."""
    return bool(np.isclose(low, high, rtol=1e-9, atol=0))


def _intraclass_correlation(sizes: np.ndarray, right: np.ndarray) -> float:
    n, k = sizes.sum(), len(sizes)
    rates, rate = right / sizes, right.sum() / n
    between = np.sum(sizes * (rates - rate) ** 2) / (k - 1)
    within = np.sum(right * (1 - rates)) / (n - k)
    m0 = (n - np.sum(sizes**2) / n) / (k - 1)
    return max(0.0, float((between - within) / (between + (m0 - 1) * within)))
