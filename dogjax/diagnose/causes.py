"""Concludes causes from findings: each with its evidence and the override that fixes it."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from dogjax.config import flatten, to_dict
from dogjax.diagnose.counterfactual import AUGMENTED, BATCH_NORM, LAST_ITERATE, OVERCONFIDENCE
from dogjax.diagnose.findings import Findings
from dogjax.diagnose.honest_split import BY_BACKGROUND, changed_fields, leaky_share
from dogjax.diagnose.overrides import as_flags
from dogjax.diagnose.thresholds import (
    ABOVE_CHANCE,
    CALM,
    CALM_NATS,
    FEW_ERRORS,
    LABEL_ERRORS,
    LEAST_DROP,
    LEAST_SHARE,
    LEAST_WITHOUT_INTERVAL,
    LONG_STEP,
    ONE_PAIR_SHARE,
    RAW_INPUT,
    SMALL_TAIL,
    TOO_SURE,
    WIDE_INTERVAL,
)

# Label smoothing that makes predictions less sure.
SMOOTHING = 0.1


@dataclasses.dataclass(frozen=True)
class Cause:
    """Holds one cause.

    Attributes:
      name: from the list in the design.
      explains: `jumps`, the jumps of the curve from epoch to epoch, or `level`, how far the score can be trusted.
      share: None if it is not known.
      interval: 95 %, of the share; None if it cannot be estimated.
      evidence: one sentence.
      fix: configuration fields and their values; only those that the run does not have already.
      of: the whole that the share is a part of.
    """

    name: str
    explains: str
    share: float | None
    interval: list[float] | None
    evidence: str
    fix: dict[str, Any]
    of: str

    @property
    def override(self) -> str:
        """Returns the fix as a shell takes it; empty without a fix."""
        return as_flags(self.fix)


def rank_causes(findings: Findings) -> list[Cause]:
    """Lists the causes with evidence: first those of the jumps, by share, then those that concern the score."""
    jumps = sorted(_jumps(findings), key=lambda each: -(each.share or 0))
    level = [cause for judge in _LEVEL if (cause := judge(findings))]
    level += _switches_of_level(findings, {cause.name for cause in jumps})
    ranked = [*jumps, *sorted(level, key=lambda each: -(each.share or 0))]
    has = dict(flatten(to_dict(findings.config)))
    changes = [{field: value for field, value in cause.fix.items() if value != has[field]} for cause in ranked]
    return [dataclasses.replace(cause, fix=fix) for cause, fix in zip(ranked, changes)]


def is_calm(symptom: dict[str, Any]) -> bool:
    """Returns whether the curve does not jump, by the measures of its `symptom`."""
    volatility, moved = symptom["volatility"], symptom["highest_loss"] - symptom["lowest_loss"]
    return volatility is not None and (volatility < CALM or moved < CALM_NATS)


def _jumps(findings: Findings) -> list[Cause]:
    if findings.shares is None or is_calm(findings.symptom):
        return []
    causes = []
    for name, judged in findings.shares.items():
        if name == "unexplained" or not _is_evidence(judged, LEAST_SHARE):
            continue
        if name == OVERCONFIDENCE and findings.temperature < TOO_SURE:
            continue
        name, evidence, fix = _SWITCHES[name](findings, f"{judged['share']:.0%} of the jumps")
        causes.append(Cause(name, "jumps", judged["share"], judged["interval"], evidence, fix, "the jumps"))
    if causes and (cause := _tail_batch(findings)):
        causes.append(cause)
    return causes


def _switches_of_level(findings: Findings, listed: set[str]) -> list[Cause]:
    """Lists switches that lower the mean loss and are not among the causes of the jumps."""
    causes = []
    for switch in (BATCH_NORM, AUGMENTED, OVERCONFIDENCE):
        drop = findings.drops.get(switch)
        if drop is None or switch in listed or not _is_evidence(drop, LEAST_DROP):
            continue
        if switch == OVERCONFIDENCE and findings.temperature < TOO_SURE:
            continue
        name, evidence, fix = _SWITCHES[switch](findings, f"{drop['share']:.0%} of the loss")
        causes.append(Cause(name, "level", drop["share"], drop["interval"], evidence, fix, "the loss"))
    return causes


def _is_evidence(judged: dict[str, Any], least: float) -> bool:
    """Returns whether a share is at least `least` at the lower end of its interval, or far more without an interval."""
    interval = judged["interval"]
    return judged["share"] >= LEAST_WITHOUT_INTERVAL if interval is None else interval[0] >= least


def _batch_norm(findings: Findings, lost: str) -> tuple[str, str, dict[str, Any]]:
    evidence = (
        f"measuring BatchNorm's statistics anew on clean training frames removes {lost}, with the same weights: the "
        f"running statistics, of momentum {findings.config.model.norm_momentum:g}, lag behind the weights"
    )
    # What the switch does. A lower momentum forgets sooner, but is the mean of fewer batches.
    return BATCH_NORM, evidence, {"model.norm_statistics": "precise"}


def _augmented(findings: Findings, lost: str) -> tuple[str, str, dict[str, Any]]:
    return (
        AUGMENTED,
        f"scoring the same weights on validation frames that are not augmented removes {lost}: each epoch is scored on "
        "frames that were augmented in another way",
        {"augment.validation": False},
    )


def _last_iterate(findings: Findings, lost: str) -> tuple[str, str, dict[str, Any]]:
    evidence = f"averaging the weights over five epochs removes {lost}: the steps at the end are too long"
    best = findings.step["best_multiple"]
    if best is None or best >= LONG_STEP:
        return LAST_ITERATE, evidence, {"optim.ema_decay": 0.99}
    evidence += (
        f"; the loss of a step's own batch is lowest after {best:g} times its length, and after four times its length "
        f"it is {findings.step['losses']['4.0']:.2f} times the loss before the step"
    )
    return "learning_rate", evidence, {"optim.learning_rate": findings.config.optim.learning_rate / 10}


def _overconfidence(findings: Findings, lost: str) -> tuple[str, str, dict[str, Any]]:
    return (
        OVERCONFIDENCE,
        f"dividing the same logits by a temperature fitted on other {findings.unit}s ({findings.temperature:.1f}) "
        f"removes {lost}; the worst twentieth of the frames has {findings.frames['worst_twentieth']:.0%} of the loss",
        {"optim.label_smoothing": max(SMOOTHING, findings.config.optim.label_smoothing)},
    )


_SWITCHES: dict[str, Callable[[Findings, str], tuple[str, str, dict[str, Any]]]] = {
    BATCH_NORM: _batch_norm,
    AUGMENTED: _augmented,
    LAST_ITERATE: _last_iterate,
    OVERCONFIDENCE: _overconfidence,
}


def _tail_batch(findings: Findings) -> Cause | None:
    train, frames = findings.config.train, findings.train_frames
    tail = frames % train.batch_size
    if train.drop_remainder or frames < train.batch_size or not 0 < tail <= SMALL_TAIL * train.batch_size:
        return None
    evidence = (
        f"the last batch of every epoch has {tail} frames and moves the weights as far as {train.batch_size} do, just "
        "before the epoch is scored; its share cannot be measured without training again"
    )
    return Cause("tail_batch", "jumps", None, None, evidence, {"train.drop_remainder": True}, "the jumps")


def _leaky_split(findings: Findings) -> Cause | None:
    share = leaky_share(findings.audit)
    if share is None:
        return None
    evidence = (
        f"{share:.0%} of the validation frames lie within 2 s of a training frame of the same recording: the score "
        "tells how well the network remembers these recordings"
    )
    if findings.honest_split is None:
        evidence += "; no split of these frames keeps the sides apart: record each class again, on another day"
    return Cause("leaky_split", "level", share, None, evidence, findings.honest_split or {}, "the validation frames")


def _background_confound(findings: Findings) -> Cause | None:
    probe, network = findings.background, findings.without_middle
    if probe["accuracy"] is None:
        return None
    share, low, high = (_above_chance(each, probe["chance"]) for each in (probe["accuracy"], *probe["interval"]))
    if low <= ABOVE_CHANCE:
        return None
    right = "none" if network["accuracy"] is None else f"{network['accuracy']:.0%}"
    evidence = (
        f"a linear probe that sees only the border of the frames predicts the class of {probe['accuracy']:.0%} of the "
        f"frames of unseen recordings (chance {probe['chance']:.0%}), and this network, with the middle hidden, of "
        f"{right} (chance {network['chance']:.0%}): the background predicts the class"
    )
    can_be_held_out = findings.splits_by_background and not findings.audit["single_class_backgrounds"]
    return Cause(
        "background_confound",
        "level",
        share,
        [low, high],
        evidence + ("" if can_be_held_out else "; record each class on every background"),
        changed_fields(findings.config, BY_BACKGROUND) if can_be_held_out else {},
        "the way from chance to certainty",
    )


def _above_chance(accuracy: float, chance: float) -> float:
    return (accuracy - chance) / (1 - chance)


def _label_noise(findings: Findings) -> Cause | None:
    found = findings.label_errors
    if found["share"] < LABEL_ERRORS:
        return None
    first, unit = found["errors"][0], found["unit"]
    evidence = (
        f"{len(found['errors'])} of {found['units']} {unit}s ({found['share']:.0%} of the frames) are predicted as "
        "another class with confidence by classifiers that were not trained on them and that are right for "
        f"{found['right_elsewhere']:.0%} of the other {unit}s: first {first['unit']}, labelled {first['label']}, "
        f"predicted {first['called']} (p {first['probability']:.2f}); check them, and correct their labels"
    )
    return Cause("label_noise", "level", found["share"], None, evidence, {}, "the frames")


def _look_alikes(findings: Findings) -> Cause | None:
    frames = findings.frames
    if frames["pairs"] < 2 or frames["errors"] < FEW_ERRORS or frames["pair_share"] < ONE_PAIR_SHARE:
        return None
    pair = frames["pair"]
    evidence = (
        f"{frames['pair_share']:.0%} of all errors are between {pair[0]} and {pair[1]}, one of {frames['pairs']} pairs"
    )
    fix = {"data.merge_labels": _merged(pair, findings.config.data.merge_labels)}
    return Cause("look_alikes", "level", frames["pair_share"], None, evidence, fix, "the errors")


def _merged(pair: list[str], merged: tuple) -> list[Any]:
    """Returns `data.merge_labels` with the pair in one group; either may be a group already, named `a+b`."""
    groups = merged if any(isinstance(each, tuple) for each in merged) else (merged,)
    others = {"+".join(group): list(group) for group in groups if group}
    together = [label for name in pair for label in others.pop(name, [name])]
    return [*others.values(), together] if others else together


def _small_validation(findings: Findings) -> Cause | None:
    if findings.evaluation is None:
        return None
    if findings.no_intervals:
        evidence = f"how far the accuracy can be trusted is unknown: {findings.no_intervals}"
        return Cause("small_validation", "level", None, None, evidence, {}, "the score")
    intervals, effective = findings.evaluation["intervals"], findings.evaluation["effective_sample_size"]
    accuracy: list[float] | None = intervals["accuracy"]
    if accuracy is None or accuracy[1] - accuracy[0] < 2 * WIDE_INTERVAL:
        return None
    evidence = (
        f"the accuracy lies between {accuracy[0]:.0%} and {accuracy[1]:.0%} with 95 % confidence: "
        f"{intervals['groups']} {intervals['unit']}s are few"
    )
    if effective["n_eff"]:
        frames, equal = findings.evaluation["frames"], effective["n_eff"]
        evidence += f", and their {frames} frames say as much as {equal:.0f} independent ones"
    return Cause("small_validation", "level", None, None, evidence, {}, "the score")


def _input_scale(findings: Findings) -> Cause | None:
    mean, deviation = findings.input_scale["mean"], findings.input_scale["sd"]
    size = math.hypot(mean, deviation)
    if size < RAW_INPUT:
        return None
    evidence = (
        f"the input has a mean of {mean:.0f} and a standard deviation of {deviation:.0f}, but the initial weights "
        f"expect 0 and 1: the first layer's outputs start {size:.0f} times too large; the effect cannot be measured "
        "without training again"
    )
    return Cause("input_scale", "level", None, None, evidence, {"data.scale": "standardise"}, "the score")


# Those without a share come last, in this order: a small validation set is not a fault of the run.
_LEVEL = (_leaky_split, _label_noise, _background_confound, _look_alikes, _input_scale, _small_validation)
