"""Is a jump made where an epoch is scored: by BatchNorm, by dropout, by augmented frames, by confidence?"""

from dogjax.diagnose.causes.cause import EVALUATION, FREE, JUMPS, SCORE, Answer, Cause, Cleared, Named, NotTestable
from dogjax.diagnose.causes.evidence import judge_branch, judge_switch
from dogjax.diagnose.findings import AS_IT_WAS, Findings, is_calm
from dogjax.diagnose.switches import AUGMENTED, BATCH_NORM, CLEAN, LAG, WITHOUT_DROPOUT, drops_before_norm
from dogjax.diagnose.thresholds import CALM_NATS, INITIAL_LEFT, LEAST_WITHOUT_INTERVAL, MOST, TOO_SURE

SMOOTHING = 0.1


def _batch_norm(findings: Findings) -> Answer:
    momentum, updates = findings.config.model.norm_momentum, findings.updates
    left = momentum**updates
    evidence = "measuring BatchNorm's statistics anew, with the same weights, removes {what}: "
    if left > INITIAL_LEFT:
        evidence += f"after {updates} updates {left:.0%} of the stored averages is still their initial value"
    else:
        evidence += f"the stored averages, of momentum {momentum:g}, lag behind the weights"
    fix = {"model.norm_statistics": "precise"}
    elsewhere = (
        "Keras: BatchNormalization(momentum=0.9); PyTorch: a forward pass in training mode before each evaluation"
    )
    answer = judge_switch(findings, BATCH_NORM, evidence, fix, elsewhere)
    before, after = findings.learning.clean_loss, findings.learning.clean_loss_precise
    if isinstance(answer, Named) or before is None or after is None or before - after < CALM_NATS:
        return answer
    # What the network knows by heart it must know in evaluation, too, however few the validation groups are.
    part = 1 - after / before
    if part < MOST:
        return answer
    what = f"{part:.0%} of the loss on clean training frames"
    return Named(evidence.format(what=what), fix, elsewhere, part, of="that loss", explains=SCORE)


def _dropout_before_norm(findings: Findings) -> Answer:
    jumping, loss = findings.stage_jumping, findings.stage_loss
    if LAG not in jumping or not drops_before_norm(findings.config.model):
        return NotTestable("the run drops no units before a BatchNorm with running statistics")
    fix, elsewhere = {"model.dropout": 0.0}, "put dropout after the last BatchNorm only"
    also = ": dropout changes the variance that BatchNorm stores, and evaluation has no dropout"
    without = WITHOUT_DROPOUT if WITHOUT_DROPOUT in jumping else CLEAN
    calmer, lower = ((each[LAG] - each[without]) / max(each[AS_IT_WAS], 1e-12) for each in (jumping, loss))
    said = "statistics measured without dropout rather than with it, for the same weights, take {:.0%} of the {}"
    if not is_calm(findings.symptom) and calmer >= LEAST_WITHOUT_INTERVAL:
        return Named(said.format(calmer, "jumping") + also, fix, elsewhere, calmer, of="the jumping")
    if lower >= LEAST_WITHOUT_INTERVAL:
        return Named(said.format(lower, "loss") + also, fix, elsewhere, lower, of="the loss", explains=SCORE)
    if findings.branches is None or "without_dropout" not in findings.branches:
        return Cleared(said.format(calmer, "jumping"))
    return judge_branch(findings, "without_dropout", "without dropout", fix, elsewhere, also)


def _augmented(findings: Findings) -> Answer:
    return judge_switch(
        findings,
        AUGMENTED,
        "scoring the same weights on validation frames that are not augmented removes {what}: each epoch is scored on "
        "frames that were augmented in another way",
        {"augment.validation": False},
        "Keras: a second ImageDataGenerator without augmentation for validation",
    )


def _overconfidence(findings: Findings) -> Answer:
    temperature, part = findings.temperature, findings.cooled_part
    said = (
        f"dividing all logits by {temperature:.1f}, fitted on other {findings.unit}s, takes {part:.0%} of the jumping"
    )
    if temperature < TOO_SURE or part < LEAST_WITHOUT_INTERVAL or is_calm(findings.symptom):
        return Cleared(said)
    evidence = f"{said}: predictions that are surer than they are right enlarge what something else does"
    smoothing = max(SMOOTHING, findings.config.optim.label_smoothing)
    return Named(evidence, {"optim.label_smoothing": smoothing}, "label_smoothing=0.1", part, of="the jumping")


CAUSES = (
    Cause(BATCH_NORM, "BatchNorm's stored averages lag behind the weights", JUMPS, _batch_norm, cost=EVALUATION),
    Cause("dropout_before_norm", "dropout shifts what BatchNorm stores", JUMPS, _dropout_before_norm),
    Cause(AUGMENTED, "every epoch is validated on other, augmented frames", JUMPS, _augmented, cost=FREE),
    Cause("overconfidence", "predictions are surer than they are right", JUMPS, _overconfidence, is_amplifier=True),
)
