"""How far can the score be trusted, and what in the data does it rest on?"""

import math
from typing import Any

from dogjax.diagnose.causes.cause import SCORE, Answer, Cause, Cleared, Named, NotTestable
from dogjax.diagnose.findings import Findings
from dogjax.diagnose.honest_split import BY_BACKGROUND, changed_fields
from dogjax.diagnose.thresholds import (
    ABOVE_CHANCE,
    CONSTANT_INPUT,
    FEW_ERRORS,
    LABEL_ERRORS,
    ONE_PAIR_SHARE,
    RAW_INPUT,
    WIDE_INTERVAL,
)


def _label_noise(findings: Findings) -> Answer:
    found = findings.label_errors
    if found["note"]:
        return NotTestable(found["note"])
    if not found["errors"]:
        return Cleared(f"no {found['unit']} is predicted with confidence as another class than its own")
    first, unit = found["errors"][0], found["unit"]
    evidence = (
        f"{len(found['errors'])} of {found['units']} {unit}s ({found['share']:.0%} of the frames) are predicted as "
        "another class by classifiers that were not trained on them and that are seldom so wrong: they name "
        f"{found['right']:.0%} of all {unit}s as labelled; first {first['unit']}, labelled {first['label']}, "
        f"predicted {first['called']} (p {first['probability']:.2f}); check them, and correct their labels"
    )
    if found["share"] < LABEL_ERRORS:
        return Cleared(evidence)
    return Named(evidence, alone=found["share"], of="the frames")


def _background_confound(findings: Findings) -> Answer:
    probe, network = findings.background, findings.without_middle
    if probe["accuracy"] is None:
        return NotTestable(probe["note"])
    if network["accuracy"] is None:
        return NotTestable("with the middle of the frames hidden the network's answers are not finite")
    share, low, high = (_above_chance(each, probe["chance"]) for each in (probe["accuracy"], *probe["interval"]))
    least = network["interval"][0] if network["interval"] else network["accuracy"] - ABOVE_CHANCE
    evidence = (
        f"a linear probe that sees only the border of the frames predicts the class of {probe['accuracy']:.0%} of the "
        f"frames of unseen recordings (chance {probe['chance']:.0%}), and this network, with the middle hidden, of "
        f"{network['accuracy']:.0%} (chance {network['chance']:.0%})"
    )
    if low <= ABOVE_CHANCE:
        return Cleared(evidence)
    if least <= network["chance"]:
        return Cleared(f"{evidence}: the background predicts the class, and the network does not use it")
    can_be_held_out = findings.splits_by_background and not findings.audit["single_class_backgrounds"]
    return Named(
        f"{evidence}: the background predicts the class"
        + ("" if can_be_held_out else "; record each class on every background"),
        changed_fields(findings.config, BY_BACKGROUND) if can_be_held_out else {},
        alone=share,
        interval=(low, high),
        of="the way from chance to certainty",
    )


def _above_chance(accuracy: float, chance: float) -> float:
    return (accuracy - chance) / (1 - chance)


def _look_alikes(findings: Findings) -> Answer:
    confusion = findings.confusion
    if len(confusion.names) < 3:
        return NotTestable("there are two classes, so all errors are between them")
    errors = 1 - confusion.accuracy
    if not confusion.pairs:
        return Cleared("no frame is named wrongly")
    pair, share = next(iter(confusion.pairs.items()))
    evidence = f"{share:.0%} of all errors are between {pair[0]} and {pair[1]}, one of {len(confusion.pairs)} pairs"
    if errors < FEW_ERRORS or share < ONE_PAIR_SHARE:
        return Cleared(f"{evidence}; {errors:.0%} of the frames are named wrongly")
    fix = {"data.merge_labels": _merged(pair, findings.config.data.merge_labels)}
    return Named(evidence, fix, alone=share, of="the errors")


def _merged(pair: tuple[str, str], merged: tuple) -> list[Any]:
    """Returns `data.merge_labels` with the pair in one group; either may be a group already, named `a+b`."""
    groups = merged if any(isinstance(each, tuple) for each in merged) else (merged,)
    others = {"+".join(group): list(group) for group in groups if group}
    together = [label for name in pair for label in others.pop(name, [name])]
    return [*others.values(), together] if others else together


def _small_validation(findings: Findings) -> Answer:
    if findings.evaluation is None:
        return NotTestable("the run has no evaluation of its last epoch; finish it, or use --mode=eval")
    if findings.no_intervals:
        return Named(f"how far the accuracy can be trusted is unknown: {findings.no_intervals}")
    intervals, effective = findings.evaluation["intervals"], findings.evaluation["effective_sample_size"]
    accuracy: list[float] | None = intervals["accuracy"]
    if accuracy is None:
        return NotTestable(intervals.get("note") or "the accuracy does not vary over the groups")
    evidence = (
        f"the accuracy lies between {accuracy[0]:.0%} and {accuracy[1]:.0%} with 95 % confidence: "
        f"{intervals['groups']} {intervals['unit']}s"
    )
    if accuracy[1] - accuracy[0] < 2 * WIDE_INTERVAL:
        return Cleared(evidence)
    evidence += " are few"
    if effective["n_eff"]:
        frames, equal = findings.evaluation["frames"], effective["n_eff"]
        evidence += f", and their {frames} frames say as much as {equal:.0f} independent ones"
    return Named(evidence)


def _input_scale(findings: Findings) -> Answer:
    mean, deviation = findings.input_scale["mean"], findings.input_scale["sd"]
    size = math.hypot(mean, deviation)
    said = f"the input has a mean of {mean:.2g} and a standard deviation of {deviation:.2g}"
    fix = {"data.scale": "standardise"}
    if size >= RAW_INPUT:
        evidence = (
            f"{said}, but the initial weights expect 0 and 1: the first layer's outputs start {size:.0f} times too "
            "large; the effect cannot be measured without training again"
        )
        return Named(evidence, fix, "Keras: a Normalization layer, adapted to the training frames")
    if deviation < CONSTANT_INPUT:
        return Named(f"{said}: the network sees all but the same picture everywhere", fix)
    return Cleared(said)


# Those without a part come last, in this order: a small validation set is not a fault of the run.
CAUSES = (
    Cause("label_noise", "some labels are wrong", SCORE, _label_noise),
    Cause("background_confound", "the background gives the class away", SCORE, _background_confound),
    Cause("look_alikes", "most errors are between two classes", SCORE, _look_alikes),
    Cause("input_scale", "the numbers that the network is shown are far too large or too small", SCORE, _input_scale),
    Cause("small_validation", "the validation set is too small to trust its score", SCORE, _small_validation),
)
