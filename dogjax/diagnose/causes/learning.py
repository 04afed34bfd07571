"""Does it learn at all, too little, or too well?"""

import math

from dogjax.diagnose.causes.cause import LEARNING, SCORE, Answer, Cause, Cleared, Named, NotTestable
from dogjax.diagnose.findings import Findings
from dogjax.diagnose.thresholds import (
    ABOVE_MAJORITY,
    CONSTANT_INPUT,
    LITTLE_LEARNT,
    NOTHING_LEARNT,
    OVERFITTED,
    RAW_INPUT,
    RISEN,
    SAME_OUTPUT,
    STILL_FALLING,
)

_NO_CLEAN_SCORES = "the run has no scores on clean training frames; train it with this version"
_NOTHING_AT_ALL = "the network learns nothing at all"


def _not_learning(findings: Findings) -> Answer:
    learning = findings.learning
    best, majority = max(learning.train_accuracy, learning.clean_accuracy or 0.0), learning.train_majority
    said = (
        f"after {learning.epochs} epochs {best:.0%} of the training frames are named rightly, and always naming the "
        f"commonest class would name {majority:.0%}"
    )
    left = learning.part_left
    if best - majority > ABOVE_MAJORITY * (1 - majority) or (left is not None and left < NOTHING_LEARNT):
        return Cleared(said + _left_in_words(left))
    evidence = said + _left_in_words(left)
    if learning.spread < SAME_OUTPUT:
        evidence += "; the output is the same for every frame"
    why, fix = _why_not(findings)
    return Named(evidence + f"; {why}", fix)


def _left_in_words(left: float | None) -> str:
    return "" if left is None else f"; the loss on them is {left:.0%} of what always answering the class shares loses"


def _why_not(findings: Findings) -> tuple[str, dict]:
    config, deviation = findings.config, findings.input_scale["sd"]
    size = math.hypot(findings.input_scale["mean"], deviation)
    if deviation < CONSTANT_INPUT:
        return f"the input hardly varies (its standard deviation is {deviation:.3f})", {"data.scale": "standardise"}
    if size > RAW_INPUT:
        return f"the input is {size:.0f} times as large as the initial weights expect", {"data.scale": "standardise"}
    if config.model.initializer in ("zeros", "ones"):
        return "all units of a layer begin alike, and stay so", {"model.initializer": "glorot_uniform"}
    if findings.learning.loss_moved:
        rate = config.optim.learning_rate / 10
        return "the loss went up and came to rest: the steps are too long", {"optim.learning_rate": rate}
    rate = config.optim.learning_rate * 10
    return "the loss has hardly moved: the steps are too short, or too few", {"optim.learning_rate": rate}


def _underfitting(findings: Findings) -> Answer:
    learning, left = findings.learning, findings.learning.part_left
    if left is None:
        return NotTestable(_NO_CLEAN_SCORES)
    if isinstance(_not_learning(findings), Named):
        return Cleared(_NOTHING_AT_ALL)
    said = (
        f"on clean training frames the loss is {learning.clean_loss_precise:.2f}, {left:.0%} of what always answering "
        f"the class shares would lose"
    )
    if left < LITTLE_LEARNT:
        return Cleared(said)
    if learning.falling > STILL_FALLING:
        fix = {"train.epochs": 2 * findings.config.train.epochs}
        return Named(f"{said}, and the training loss still falls by {learning.falling:.0%}", fix, of="the loss")
    return Named(f"{said}, and it falls no more", {}, of="the loss")


def _overfitting(findings: Findings) -> Answer:
    learning = findings.learning
    if learning.clean_loss_precise is None:
        return NotTestable(_NO_CLEAN_SCORES)
    if isinstance(_not_learning(findings), Named):
        return Cleared(_NOTHING_AT_ALL)
    gap = learning.loss_precise - learning.clean_loss_precise
    said = (
        f"validation loses {learning.loss_precise:.2f} nats and clean training frames {learning.clean_loss_precise:.2f}"
        f"; since its best epochs the validation loss has grown by {learning.risen:.0%}"
    )
    if gap < OVERFITTED or learning.risen < RISEN:
        return Cleared(said)
    return Named(said, {}, of="the loss")


CAUSES = (
    Cause("not_learning", "the network learns nothing", LEARNING, _not_learning),
    Cause("underfitting", "the network has learnt too little", SCORE, _underfitting),
    Cause("overfitting", "the network knows the training frames by heart", SCORE, _overfitting),
)
