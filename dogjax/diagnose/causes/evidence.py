"""Judges a switch or a branch: is what it does evidence?"""

from typing import Any

from dogjax.diagnose.attribution import Attribution
from dogjax.diagnose.branches import AS_IS, WITHOUT_TAIL
from dogjax.diagnose.causes.cause import SCORE, Answer, Cleared, Named, NotTestable
from dogjax.diagnose.findings import Findings, is_calm
from dogjax.diagnose.switches import AUGMENTED, BATCH_NORM, LAST_ITERATE
from dogjax.diagnose.thresholds import LEAST_ALONE, LEAST_BRANCH, LEAST_LOSS, LEAST_NOISE, LEAST_WITHOUT_INTERVAL, MOST

_WITHOUT = {
    BATCH_NORM: "the run has no running statistics: no BatchNorm, or its statistics are measured anew already",
    AUGMENTED: "validation frames are not augmented",
    LAST_ITERATE: "the run averages its weights already",
}
CALM_RESCORED = "the same weights give a calm curve when they are scored in another way"
_NO_BRANCH = "the run has nothing of the kind, or diagnose.branches=all would try it"


def judge_switch(findings: Findings, switch: str, evidence: str, fix: dict[str, Any], elsewhere: str) -> Answer:
    """Names a switch that calms the curve; else one that lowers the loss; else clears it."""
    if findings.attributions is None or switch not in findings.attributions:
        return NotTestable(_WITHOUT[switch] if findings.attributions is not None else "the curve does not move at all")
    found = findings.attributions[switch]
    if not is_calm(findings.symptom) and _is_evidence(found.alone, found.interval, LEAST_ALONE):
        said = evidence.format(what=f"{found.alone:.0%} of the jumping")
        return Named(said, fix, elsewhere, found.alone, found.interval, found.last, found.share, "the jumping")
    if switch != LAST_ITERATE and _is_evidence(found.loss, found.loss_interval, LEAST_LOSS):
        said = evidence.format(what=f"{found.loss:.0%} of the loss")
        return Named(said, fix, elsewhere, found.loss, found.loss_interval, of="the loss", explains=SCORE)
    return Cleared(
        f"it takes {_limits(found)} of the jumping" if not is_calm(findings.symptom) else "the curve is calm"
    )


def _limits(found: Attribution) -> str:
    limits = "" if found.interval is None else f" ({found.interval[0]:.0%} to {found.interval[1]:.0%})"
    return f"{found.alone:.0%}{limits}"


def _is_evidence(part: float, interval: tuple[float, float] | None, least: float) -> bool:
    return part >= LEAST_WITHOUT_INTERVAL if interval is None else interval[0] >= least


def judge_branch(
    findings: Findings, name: str, question: str, fix: dict[str, Any], elsewhere: str, also: str
) -> Answer:
    """Names what calms an epoch that is trained again; else clears it.

    Where the same weights give a calm curve when they are scored in another way, nothing that moves the weights is to
    blame; the small last batch alone is asked all the same, for dropping it is free. Where BatchNorm takes most of the
    jumping, a change of training must calm what BatchNorm leaves.
    """
    if is_calm(findings.symptom):
        return Cleared("the curve is calm")
    if findings.calm_rescored and name != WITHOUT_TAIL:
        return Cleared(CALM_RESCORED)
    if findings.branches is None:
        return NotTestable(findings.no_branches)
    if name not in findings.branches:
        return NotTestable(_NO_BRANCH)
    noise, jumping = (findings.ends or {})[AS_IS].deviation, findings.symptom["jumping"]
    if noise < LEAST_NOISE * jumping:
        return NotTestable(
            f"the epoch that was trained again makes a noise of {noise:.2g} nats where the curve jumps by "
            f"{jumping:.2g}: branches cannot tell why it jumped before"
        )
    effect = findings.branches[name]
    # The small last batch moves the weights, and BatchNorm adds to it: either may show what it does.
    beside = not effect.stored.calms if name == WITHOUT_TAIL else takes_most(findings, BATCH_NORM)
    found = effect.precise if beside else effect.stored
    low, high = 1 - found.interval[1], 1 - found.interval[0]
    said = (
        f"an epoch that is trained again {question} makes {1 - found.ratio:.0%} ({low:.0%} to {high:.0%}) less noise "
        f"in the loss, whose mean is lower by {found.lower:.2f} nats"
    )
    said += " (with BatchNorm's statistics measured anew in both)" if beside else ""
    if found.part < LEAST_BRANCH or not found.calms:
        return Cleared(said)
    whole = "the noise that an epoch makes in the weights" if beside else "the noise of an epoch"
    return Named(said + also, fix, elsewhere, 1 - found.ratio, (low, high), of=whole)


def a_switch_takes_most(findings: Findings) -> bool:
    """Returns whether scoring the same weights in another way takes most of the jumping, surely."""
    return any(takes_most(findings, switch) for switch in (BATCH_NORM, AUGMENTED))


def takes_most(findings: Findings, switch: str) -> bool:
    """Returns whether a switch alone takes most of the jumping, surely."""
    found = (findings.attributions or {}).get(switch)
    return found is not None and found.alone > MOST and _is_evidence(found.alone, found.interval, LEAST_ALONE)
