"""Measures every arm of a study, and compares it with the floor or the reference, for `study.json`."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dogjax.config import StudyConfig
from dogjax.eval.metrics import predicts_one_class
from dogjax.eval.predictions import Predictions
from dogjax.study import statistics
from dogjax.study.outcome import Outcome
from dogjax.study.plan import design_problem

# Two runs whose validation sets share fewer frames cannot be compared frame by frame.
FEWEST_COMMON_FRAMES = 20
# No measure of spread says more than noise below this p-value, adjusted for the number of arms.
LEVEL = 0.05
# What is called a fix: the volatility more than halved, and at most a point of accuracy lost.
FIXED_RATIO, ACCURACY_MARGIN = 0.5, 0.01


def by_arm(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """Groups outcomes by arm, in the order of the plan."""
    arms: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        arms.setdefault(outcome.run.arm, []).append(outcome)
    return arms


def compared_epochs(lengths: Sequence[float], epochs: int) -> list[int]:
    """Lists the numbers of epochs after which runs are compared, in order; the last epoch is always one."""
    return sorted({max(1, round(share * epochs)) for share in lengths} | {epochs})


def describe_arm(outcomes: Sequence[Outcome], epoch: int, rng: np.random.Generator) -> dict[str, Any]:
    """Describes one arm for `study.json`, after `epoch` epochs.

    Statistics are over the runs that did not diverge; `diverged` counts the others.
    """
    finished = [each for each in outcomes if each.finished]
    volatilities = _by_base(finished, lambda each: each.volatility)
    return {
        "runs": len(outcomes),
        "diverged": len(outcomes) - len(finished),
        "identical": are_identical(outcomes),
        "parameters": outcomes[0].parameters,
        **describe_spread(outcomes, epoch),
        "volatility": statistics.spread(volatilities) if all(None not in each for each in volatilities) else None,
        **_agreement(finished, epoch, rng),
    }


def are_identical(outcomes: Sequence[Outcome]) -> bool | None:
    """Whether the runs are equal to the bit; None below two runs, or if one diverged."""
    if len(outcomes) < 2 or not all(each.finished for each in outcomes):
        return None
    return len({each.bits() for each in outcomes}) == 1


def describe_spread(outcomes: Sequence[Outcome], epoch: int) -> dict[str, Any]:
    """Describes `accuracy` and `loss` after `epoch` epochs, with their spread between runs that did not diverge."""
    finished = [each for each in outcomes if each.finished]
    return {
        "accuracy": statistics.spread(_by_base(finished, lambda each: each.accuracy(epoch))),
        "loss": statistics.spread(_by_base(finished, lambda each: each.loss(epoch))),
    }


def _by_base(outcomes: Sequence[Outcome], measure: Callable[[Outcome], Any]) -> list[np.ndarray]:
    bases = sorted({each.run.base for each in outcomes})
    return [np.array([measure(each) for each in outcomes if each.run.base == base]) for base in bases]


def _agreement(outcomes: Sequence[Outcome], epoch: int, rng: np.random.Generator) -> dict[str, Any]:
    """Measures `disagreement`, `logit_correlation` and `ensemble_gain` of pairs within a base, `new_data_variance`."""
    matrices: dict[str, list[np.ndarray]] = {"disagreement": [], "logit_correlation": [], "ensemble_gain": []}
    variances = []
    for base in sorted({each.run.base for each in outcomes}):
        predictions = [each.predictions(epoch) for each in outcomes if each.run.base == base]
        pairs = {(i, j): _compare_logits(a, b) for (i, a), (j, b) in itertools.combinations(enumerate(predictions), 2)}
        if all(pairs.values()):
            for name, each in matrices.items():
                each.append(_symmetric({pair: measures[name] for pair, measures in pairs.items() if measures}))
        if len({each.frame_id.tobytes() for each in predictions}) == 1:
            correct = np.stack([each.logits.argmax(axis=1) == each.label for each in predictions])
            variances.append(statistics.distribution_variance(correct))
    return {name: statistics.mean_over_pairs(each, rng) for name, each in matrices.items()} | {
        "new_data_variance": float(np.mean(variances)) if variances and None not in variances else None
    }


def _compare_logits(a: Predictions, b: Predictions) -> dict[str, float] | None:
    """Measures one pair of runs on the frames that both validate; None if those are too few."""
    in_a, in_b = np.isin(a.frame_id, b.frame_id), np.isin(b.frame_id, a.frame_id)
    if np.count_nonzero(in_a) < FEWEST_COMMON_FRAMES:
        return None
    # Frames stand in the order of their ids in every run.
    first, second, labels = a.logits[in_a], b.logits[in_b], a.label[in_a]
    return {
        "disagreement": statistics.disagreement(first.argmax(axis=1), second.argmax(axis=1)),
        "logit_correlation": statistics.logit_correlation(first, second),
        "ensemble_gain": statistics.ensemble_gain(first, second, labels),
    }


def _symmetric(pairs: dict[tuple[int, int], float]) -> np.ndarray:
    matrix = np.zeros((max((j for _, j in pairs), default=0) + 1,) * 2)
    for (i, j), value in pairs.items():
        matrix[i, j] = matrix[j, i] = value
    return matrix


def against_floor(
    arms: dict[str, list[Outcome]], floor: str, names: Sequence[str], epoch: int
) -> dict[str, dict[str, Any]]:
    """Compares the spread of accuracy and of loss of each named arm with the floor's, with Holm's p over the arms.

    `holm_p` and `significant` are None if `p` is.
    """
    table: dict[str, dict[str, Any]] = {name: {} for name in names}
    for measure in ("accuracy", "loss"):

        def values(name: str, measure: str = measure) -> list[np.ndarray]:
            finished = [each for each in arms[name] if each.finished]
            return _by_base(finished, lambda each: getattr(each, measure)(epoch))

        for name in names:
            table[name][measure] = statistics.spread_ratio(values(name), values(floor))
        ratios = [each for name in names if (each := table[name][measure])]
        known = [each for each in ratios if each["p"] is not None]
        for each in ratios:
            each |= {"holm_p": None, "significant": None}
        for each, p in zip(known, statistics.holm([each["p"] for each in known])):
            each |= {"holm_p": p, "significant": p < LEVEL}
    return table


def sobol_shares(
    outcomes: Sequence[Outcome], floor: Sequence[Outcome], study: StudyConfig, epoch: int, rng: np.random.Generator
) -> dict[str, Any]:
    """Computes first-order and total shares of each stream in the variance of accuracy and loss.

    Returns:
      For each measure: `variance`, `floor_variance`, `streams` (each `first`, `total` and `total_less_floor`, a
      variance) and `interactions`, which is 1 less the sum of the first-order shares; None if a run diverged or
      nothing varies. `total_less_floor` is None if the floor is empty.
    """
    table = {}
    for measure in ("accuracy", "loss"):
        values = np.array([getattr(each, measure)(epoch) for each in outcomes if each.finished])
        floor_values = np.array([getattr(each, measure)(epoch) for each in floor if each.finished])
        floor_sd = statistics.spread([floor_values])["sd"]
        if len(values) < len(outcomes) or not np.ptp(values):
            table[measure] = None
            continue
        shares = statistics.sobol_indices(design_problem(study), values, rng)
        variance = float(values.var(ddof=1))
        for share in shares.values():
            total = share["total"] * variance
            # An empty floor would leave every share whole, as if chance had no part in it.
            share["total_less_floor"] = total - floor_sd**2 if floor_sd else None
        table[measure] = {
            "variance": variance,
            "floor_variance": None if floor_sd is None else floor_sd**2,
            "streams": shares,
            "interactions": 1 - sum(share["first"] for share in shares.values()),
        }
    return table


def compare_pairs(
    reference: Sequence[Outcome], arm: Sequence[Outcome], epoch: int, rng: np.random.Generator
) -> dict[str, Any]:
    """Compares an arm with the reference, run by run with common seeds: accuracy, loss and volatility.

    Returns:
      For each measure: `pairs`, `difference` (mean, arm less reference) and its `interval`, the `ratio` of the two
      (geometric mean, with its interval; None if one is zero), `p` of the sign-flip test (None below six pairs)
      and `better` (P(arm better), with its interval). A pair with a run that diverged is left out.
      None below two pairs.
    """
    partners = {each.run.replicate: each for each in reference}
    pairs = [(partners[each.run.replicate], each) for each in arm if each.run.replicate in partners]
    sound = [(a, b) for a, b in pairs if a.finished and b.finished]
    measures: dict[str, tuple[Callable[[Outcome], Any], float]] = {
        "accuracy": (lambda each: each.accuracy(epoch), 1.0),
        "loss": (lambda each: each.loss(epoch), -1.0),
        "volatility": (lambda each: each.volatility, -1.0),
    }
    return {name: _compare(sound, measure, sign, rng) for name, (measure, sign) in measures.items()}


def _compare(
    pairs: Sequence[tuple[Outcome, Outcome]], measure: Callable[[Outcome], Any], sign: float, rng: np.random.Generator
) -> dict[str, Any] | None:
    values = [(measure(a), measure(b)) for a, b in pairs]
    if len(values) < 2 or any(None in pair for pair in values):
        return None
    reference, arm = np.array(values).T
    return {
        "pairs": len(values),
        "difference": float(np.mean(arm - reference)),
        "interval": statistics.mean_interval(arm - reference),
        "ratio": statistics.paired_ratio(arm, reference),
        "p": statistics.sign_flip_p(arm - reference, rng),
        "better": statistics.probability_of_superiority(sign * arm, sign * reference, rng),
    }


def adjust_pairs(arms: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Adds `holm_p` beside `p` to the comparisons, for each measure over all arms that have one."""
    for measure in ("accuracy", "loss", "volatility"):
        tested = [each[measure] for each in arms.values() if each[measure] and each[measure]["p"] is not None]
        for comparison, p in zip(tested, statistics.holm([each["p"] for each in tested])):
            comparison["holm_p"] = p
    return arms


def count_one_class(outcomes: Sequence[Outcome], epoch: int) -> int:
    """Counts the runs that predict one class for nearly every frame after `epoch` epochs, without diverged ones."""
    predictions = [each.predictions(epoch) for each in outcomes if each.finished]
    return sum(predicts_one_class(each.logits.argmax(axis=1), each.label) for each in predictions)


def is_fixed(comparison: dict[str, Any]) -> bool | None:
    """Whether an arm calms the reference's curve at no cost; None if pairs are too few.

    Less than half the volatility, its interval below 1, and an accuracy that is not more than a point lower (the lower
    of the two one-sided tests of Schuirmann 1987, J Pharmacokinet Biopharm 15:657, at half their usual level). A curve
    that is calm because a run predicts one class is not fixed.
    """
    if comparison["one_class"]:
        return False
    accuracy, volatility = comparison["accuracy"], comparison["volatility"]
    if not accuracy or not volatility or not volatility["ratio"]:
        return None
    ratio = volatility["ratio"]
    calmer = ratio["ratio"] < FIXED_RATIO and ratio["interval"][1] < 1
    return bool(calmer and accuracy["interval"][0] > -ACCURACY_MARGIN)


def smallest_enough(arms: dict[str, list[Outcome]], epoch: int) -> dict[str, Any] | None:
    """Finds the smallest network whose loss is within one standard error of the lowest.

    The one-SE rule of Breiman, Friedman, Olshen & Stone 1984, "Classification and regression trees", section 3.4.3.

    Returns:
      `best` and `smallest` (names of arms), and `limit`, the best mean loss and one standard error; None if
      all networks are of one size, or the best arm has fewer than two runs.
    """
    sizes, losses = {}, {}
    for name, outcomes in arms.items():
        if finished := [each for each in outcomes if each.finished]:
            sizes[name] = finished[0].parameters
            losses[name] = np.array([each.loss(epoch) for each in finished])
    if len(set(sizes.values())) < 2:
        return None
    best = min(losses, key=lambda name: losses[name].mean())
    if len(losses[best]) < 2:
        return None
    limit = float(losses[best].mean() + losses[best].std(ddof=1) / np.sqrt(len(losses[best])))
    enough = [name for name in losses if losses[name].mean() <= limit]
    return {"best": best, "smallest": min(enough, key=lambda name: sizes[name]), "limit": limit}


def crossed_components(
    arms: dict[str, list[Outcome]], folds: int, replicates: int, epoch: int, rng: np.random.Generator
) -> dict[str, Any]:
    """Estimates variance components of accuracy and of loss over splits (the arms) and seeds (the replicates).

    Args:
      arms: the outcomes by arm.
      folds: of the split, all of which are arms of the whole study.
      replicates: of each arm in the whole study.
      epoch: after which the runs are measured.
      rng: of the intervals.

    Returns:
      For each measure the components, or None if a run is missing or diverged.
    """
    rows = [{each.run.replicate: each for each in outcomes if each.finished} for outcomes in arms.values()]
    seeds = list(range(replicates))
    if len(rows) < folds or any(sorted(row) != seeds for row in rows):
        return {"accuracy": None, "loss": None}
    return {
        measure: statistics.variance_components(
            np.array([[getattr(row[seed], measure)(epoch) for seed in seeds] for row in rows]), rng
        )
        for measure in ("accuracy", "loss")
    }
