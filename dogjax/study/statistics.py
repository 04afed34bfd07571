"""Computes the statistics of a study: pure functions of arrays, each with its source.

Runs of one arm share a base seed and differ in a replicate, so spread is always measured within bases.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from SALib.analyze import sobol
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 2000
# Two-sided, the smallest p-value of a sign-flip test is 2^(1 - pairs): six pairs can give .031.
FEWEST_PAIRS = 6
# Beyond this many pairs the sign flips are drawn, not listed.
MOST_LISTED_PAIRS = 14
MEANINGFUL = 0.75
# Differences of equal accuracies may differ by this part of themselves.
ROUNDING = 1e-9
EMPTY_FLOOR = "the floor is empty: its runs are equal"


def spread(groups: Sequence[np.ndarray]) -> dict[str, Any]:
    """Computes the mean, and the standard deviation within groups with its interval.

    The variance is pooled over groups; its interval is `df s^2 / chi^2_df`, which is exact for normal
    values (its relative half-width is about `2 / sqrt(2 df)`) and too short for heavy tails.

    Args:
      groups: float `[runs]` each, the values of one base seed.

    Returns:
      `mean`, `sd` and `interval` (`[low, high]` of the SD); the last two are None below two runs of a base.
    """
    values = np.concatenate([np.asarray(each, np.float64) for each in groups]) if groups else np.zeros(0)
    if not len(values):
        return {"mean": None, "sd": None, "interval": None}
    variance, df = _pooled_variance(groups)
    if not df:
        return {"mean": float(values.mean()), "sd": None, "interval": None}
    tail = (1 - CONFIDENCE) / 2
    low, high = (float(np.sqrt(df * variance / stats.chi2.ppf(q, df))) for q in (1 - tail, tail))
    return {"mean": float(values.mean()), "sd": float(np.sqrt(variance)), "interval": [low, high]}


def spread_ratio(groups: Sequence[np.ndarray], floor: Sequence[np.ndarray]) -> dict[str, Any] | None:
    """Computes the ratio of two standard deviations, and tests whether they differ.

    Returns:
      `ratio` with the F distribution's `interval`, exact for normal values, and `p` of the Brown-Forsythe
      test (1974, JASA 69:364: an analysis of variance of the distances from the group's median), which holds
      for others too. `p` is None, and `note` says why, below three runs of a base, where two lie equally far from
      their median, and where ties leave both sides no variance of that distance. If the floor is 0 all but `note` are
      None: then every ratio would be infinite, whatever the arm. The result is None if either spread cannot be
      estimated.
    """
    (variance, df), (floor_variance, floor_df) = _pooled_variance(groups), _pooled_variance(floor)
    if not df or not floor_df:
        return None
    if not floor_variance:
        return {"ratio": None, "interval": None, "p": None, "note": EMPTY_FLOOR}
    tail = (1 - CONFIDENCE) / 2
    ratio = variance / floor_variance
    low, high = (float(np.sqrt(ratio / stats.f.ppf(q, df, floor_df))) for q in (1 - tail, tail))
    distances = [np.concatenate([np.abs(each - np.median(each)) for each in side]) for side in (groups, floor)]
    note = None
    if min(len(each) for each in (*groups, *floor)) < 3:
        note = "two runs a base are too few"
    elif all(np.ptp(each) <= ROUNDING * np.max(each) for each in distances):
        note = "the runs of each side lie equally far from their median"
    p = None if note else float(stats.f_oneway(*distances).pvalue)
    return {"ratio": float(np.sqrt(ratio)), "interval": [low, high], "p": p, "note": note}


def _pooled_variance(groups: Sequence[np.ndarray]) -> tuple[float, int]:
    centred = [np.asarray(each, np.float64) for each in groups if len(each) > 1]
    df = sum(len(each) - 1 for each in centred)
    # Equal values have a spread of exactly 0, whatever the rounding of their mean.
    return sum(float(np.sum((each - each.mean()) ** 2)) if np.ptp(each) else 0.0 for each in centred) / max(df, 1), df


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusts p-values for the number of tests, step down (Holm 1979, Scand. J. Statist. 6:65)."""
    order = np.argsort(p_values, kind="stable")
    adjusted = np.zeros(len(p_values))
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted.tolist()


def disagreement(a: np.ndarray, b: np.ndarray) -> float:
    """Computes the share of frames for which two runs predict different classes; int `[frames]` each."""
    return float(np.mean(a != b))


def logit_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Computes the Pearson correlation of two runs' logits `[frames, classes]`, less each frame's mean.

    It is 0 for logits that are all equal.

    As in Summers & Dinneen (ICML 2021, section 2); a frame's mean logit has no influence on its probabilities.
    """
    a, b = (each - each.mean(axis=1, keepdims=True) for each in (a, b))
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1]) if np.any(a) and np.any(b) else 0.0


def ensemble_gain(a: np.ndarray, b: np.ndarray, labels: np.ndarray) -> float:
    """Computes the accuracy of two runs' mean logits `[frames, classes]` less the mean of their accuracies."""
    together, *alone = (np.mean(each.argmax(axis=1) == labels) for each in ((a + b) / 2, a, b))
    return float(together - np.mean(alone))


def mean_over_pairs(matrices: Sequence[np.ndarray], rng: np.random.Generator) -> dict[str, Any]:
    """Computes the mean over pairs of runs, with a bootstrap of runs: pairs that share a run are not independent.

    A run drawn twice makes no pair with itself.

    Args:
      matrices: float `[runs, runs]`, symmetric, one a base; each is resampled apart.
      rng: of the bootstrap.

    Returns:
      `mean` and `interval`; None below two runs, and the interval below four.
    """
    pairs = np.concatenate([each[np.triu_indices(len(each), 1)] for each in matrices] or [np.zeros(0)])
    if not len(pairs):
        return {"mean": None, "interval": None}
    if min(len(each) for each in matrices) < 4:
        return {"mean": float(pairs.mean()), "interval": None}
    sums, counts = np.zeros(RESAMPLES), np.zeros(RESAMPLES)
    for matrix in matrices:
        drawn = rng.integers(len(matrix), size=(RESAMPLES, len(matrix)))
        times = np.stack([np.bincount(row, minlength=len(matrix)) for row in drawn]).astype(np.float64)
        weights = times[:, :, None] * times[:, None, :] * ~np.eye(len(matrix), dtype=bool)
        sums += np.sum(weights * matrix, axis=(1, 2))
        counts += np.sum(weights, axis=(1, 2))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(sums[counts > 0] / counts[counts > 0], [tail, 1 - tail])
    return {"mean": float(pairs.mean()), "interval": [float(low), float(high)]}


def distribution_variance(correct: np.ndarray, groups: np.ndarray | None = None) -> float | None:
    """Estimates the variance of runs' accuracy on new data of the same kind, without the validation set's noise.

    `G / (G - 1) (Var_h(mean) - G^-2 sum_g Var_h(mean of group g))` over runs h (Jordan, ICLR 2024, theorem 1;
    frames in groups of equal size, which are not independent, take the place of frames).

    Args:
      correct: bool `[runs, frames]`.
      groups: int `[frames]`, the group of each frame; None: every frame is its own.

    Returns:
      The variance, which may be estimated below 0; None below two runs or two groups.
    """
    errors = 1.0 - np.asarray(correct, np.float64)
    if groups is not None:
        sizes = np.bincount(groups)
        members = np.zeros((errors.shape[1], len(sizes)))
        members[np.arange(errors.shape[1]), groups] = 1 / sizes[groups]
        errors = errors @ members
    runs, count = errors.shape
    if runs < 2 or count < 2:
        return None
    whole = errors.mean(axis=1).var(ddof=1)
    return float(count / (count - 1) * (whole - errors.var(axis=0, ddof=1).sum() / count**2))


def probability_of_superiority(a: np.ndarray, b: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
    """Estimates P(A > B) over paired runs, ties counting half (Bouthillier et al., MLSys 2021, section 5).

    Returns:
      `probability`, its percentile-bootstrap `interval` over pairs, `significant` (the lower limit exceeds .5)
      and `meaningful` (significant, and the upper limit exceeds .75).
    """
    wins = (np.asarray(a) > np.asarray(b)) + 0.5 * (np.asarray(a) == np.asarray(b))
    means = wins[rng.integers(len(wins), size=(RESAMPLES, len(wins)))].mean(axis=1)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return {
        "probability": float(wins.mean()),
        "interval": [float(low), float(high)],
        "significant": bool(low > 0.5),
        "meaningful": bool(low > 0.5 and high > MEANINGFUL),
    }


def sign_flip_p(differences: np.ndarray, rng: np.random.Generator) -> float | None:
    """Tests a mean paired difference, two-sided: every sign pattern is as likely (Fisher 1935, section 21).

    Up to 14 pairs all patterns are listed; beyond, 2^14 are drawn, the observed one counted among them.

    Returns:
      None below six pairs, which cannot reach .05.
    """
    differences = np.asarray(differences, np.float64)
    pairs = len(differences)
    if pairs < FEWEST_PAIRS:
        return None
    if pairs <= MOST_LISTED_PAIRS:
        signs = np.array(list(itertools.product((1, -1), repeat=pairs)))
    else:
        signs = rng.choice((1, -1), size=(2**MOST_LISTED_PAIRS, pairs))
        signs[0] = 1
    sums = np.abs(signs @ differences)
    # Sums of the same terms in another order may differ in the last bits.
    return float(np.mean(sums >= abs(differences.sum()) * (1 - 1e-12)))


def mean_interval(values: np.ndarray) -> list[float] | None:
    """Computes the 95 % interval of a mean, by Student's t; None below two values."""
    values = np.asarray(values, np.float64)
    if len(values) < 2:
        return None
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return [float(values.mean()) - half, float(values.mean()) + half]


def paired_ratio(arm: np.ndarray, reference: np.ndarray) -> dict[str, Any] | None:
    """Computes the geometric mean of paired ratios, with the interval of the mean log ratio.

    Returns:
      `ratio` and `interval`; None below two pairs, or if a value is not positive.
    """
    arm, reference = np.asarray(arm, np.float64), np.asarray(reference, np.float64)
    if np.any(arm <= 0) or np.any(reference <= 0) or not (interval := mean_interval(np.log(arm / reference))):
        return None
    low, high = np.exp(interval)
    return {"ratio": float(np.exp(np.mean(np.log(arm / reference)))), "interval": [float(low), float(high)]}


def sobol_indices(problem: dict[str, Any], values: np.ndarray, rng: np.random.Generator) -> dict[str, dict[str, Any]]:
    """Computes shares of the variance by factor: first order (Saltelli et al. 2010) and total (Jansen 1999), by SALib.

    Args:
      problem: of SALib, with `names`.
      values: float `[rows x (factors + 2)]`, in the order of the design.
      rng: of the bootstrap.

    Returns:
      For each factor `first` and `total`, and half-widths of their bootstrap intervals, `first_half_width` and
      `total_half_width`.
    """
    seed = int(rng.integers(1, 2**31))  # SALib takes 0 for no seed, and draws from NumPy's global state
    result = sobol.analyze(problem, np.asarray(values, np.float64), calc_second_order=False, seed=seed)
    columns = {"first": "S1", "total": "ST", "first_half_width": "S1_conf", "total_half_width": "ST_conf"}
    return {
        factor: {name: float(result[column][number]) for name, column in columns.items()}
        for number, factor in enumerate(problem["names"])
    }


def variance_components(table: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
    """Computes the components of a crossed design without replication: splits, seeds, and the rest.

    `var_split = (MS_split - MS_rest) / seeds` and `var_seed = (MS_seed - MS_rest) / splits`, at least 0
    (Searle, Casella & McCulloch 1992, section 4.3). Intervals are generalised confidence intervals (Weerahandi 1993,
    JASA 88:899): each mean square is replaced by `df MS / chi^2_df`, drawn many times.

    Args:
      table: float `[splits, seeds]`.
      rng: of the draws.

    Returns:
      `split`, `seed` and `rest`: `variance`, `sd`, `interval` (of the SD) and `note`. `variance` is None, and
      `note` says why, without degrees of freedom.
    """
    table = np.asarray(table, np.float64)
    splits, seeds = table.shape
    if splits < 2 or seeds < 2:
        note = f"not estimable: {splits} splits and {seeds} seeds; it takes two of each"
        return {
            name: {"variance": None, "sd": None, "interval": None, "note": note} for name in ("split", "seed", "rest")
        }
    rows, columns = table.mean(axis=1), table.mean(axis=0)
    rest = table - rows[:, None] - columns[None, :] + table.mean()
    df = {"split": splits - 1, "seed": seeds - 1, "rest": (splits - 1) * (seeds - 1)}
    squares = {
        "split": seeds * np.sum((rows - table.mean()) ** 2) / df["split"],
        "seed": splits * np.sum((columns - table.mean()) ** 2) / df["seed"],
        "rest": np.sum(rest**2) / df["rest"],
    }
    drawn = {name: df[name] * squares[name] / rng.chisquare(df[name], 100 * RESAMPLES) for name in df}
    tail = (1 - CONFIDENCE) / 2

    def component(name: str, repeats: int) -> dict[str, Any]:
        raw = (squares[name] - squares["rest"]) / repeats
        low, high = np.quantile(np.maximum((drawn[name] - drawn["rest"]) / repeats, 0), [tail, 1 - tail])
        note = "estimated below 0, and so set to 0: it is smaller than what is left can hide" if raw < 0 else None
        return _component(max(raw, 0.0), low, high, note)

    low, high = np.quantile(drawn["rest"], [tail, 1 - tail])
    return {
        "split": component("split", seeds),
        "seed": component("seed", splits),
        "rest": _component(squares["rest"], low, high, None),
    }


def _component(variance: float, low: float, high: float, note: str | None) -> dict[str, Any]:
    interval = [float(np.sqrt(low)), float(np.sqrt(high))]
    return {"variance": float(variance), "sd": float(np.sqrt(variance)), "interval": interval, "note": note}
