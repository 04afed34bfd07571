"""Why do the weights move to and fro?"""

from dogjax.diagnose.branches import WITHOUT_TAIL
from dogjax.diagnose.causes.cause import EVALUATION, FREE, JUMPS, Answer, Cause, Cleared, Named, NotTestable
from dogjax.diagnose.causes.evidence import CALM_RESCORED, judge_branch, judge_switch, takes_most
from dogjax.diagnose.findings import Findings, is_calm
from dogjax.diagnose.switches import AVERAGED_EPOCHS, BATCH_NORM, LAST_ITERATE
from dogjax.diagnose.thresholds import LEAST_BRANCH, LEAST_LOWER, LONG_STEP, SMALL_BATCH, SMALL_TAIL

_LOWER_RATES = {"quarter_rate": 1 / 4, "sixteenth_rate": 1 / 16}
_FRACTIONS = {1 / 4: "a quarter", 1 / 16: "a sixteenth"}


def _tail_batch(findings: Findings) -> Answer:
    train, frames = findings.config.train, findings.train_frames
    tail = frames % train.batch_size
    if train.drop_remainder or frames < train.batch_size or not tail:
        return Cleared("all batches of an epoch are of one size")
    said = f"the last batch of every epoch has {tail} frames"
    fix, elsewhere = (
        {"train.drop_remainder": True},
        "Keras: cut the training set to whole batches; PyTorch: drop_last=True",
    )
    if findings.branches is not None:
        also = f": {said}, and the epoch is scored right after it"
        return judge_branch(findings, WITHOUT_TAIL, "without its last, small batch", fix, elsewhere, also)
    if tail > SMALL_TAIL * train.batch_size or is_calm(findings.symptom):
        return Cleared(said)
    evidence = (
        f"{said} and moves the weights as far as {train.batch_size} do, just before the epoch is scored; its part "
        "cannot be measured without training again"
    )
    return Named(evidence, fix, elsewhere, of="the jumping")


def _learning_rate(findings: Findings) -> Answer:
    tried = {name: each for name, each in (findings.branches or {}).items() if name in _LOWER_RATES}
    if not tried:
        return _long_steps(findings)
    # The rate after which the loss is lowest is the one that is offered.
    name = max(tried, key=lambda each: tried[each].stored.lower)
    part, found = _LOWER_RATES[name], tried[name].stored
    rate = findings.config.optim.learning_rate * part
    asked = f"at {_FRACTIONS[part]} of the learning rate, {rate:g},"
    offered = {"optim.learning_rate": rate}, f"learning_rate={rate:g}"
    answer = judge_branch(findings, name, asked, *offered, ": the steps are too long")
    if not isinstance(answer, Cleared) or is_calm(findings.symptom) or findings.calm_rescored:
        return answer
    if not found.lowers or found.lower_part < LEAST_LOWER:
        return answer
    low, high = (limit * found.lower_part / found.lower for limit in found.lower_interval)
    evidence = (
        f"after an epoch that is trained again {asked} the loss is {found.lower_part:.0%} ({low:.0%} to {high:.0%}) "
        "lower: the steps are too long"
    )
    return Named(evidence, *offered, found.lower_part, (low, high), of="the loss")


def _long_steps(findings: Findings) -> Answer:
    """Judges the learning rate by single steps, where no epoch was trained again."""
    step = findings.step
    if step["best_multiple"] is None:
        return NotTestable(step["note"] or "the length of a step is unknown")
    if not _steps_are_long(findings):
        return Cleared(f"the loss of a step's own batch is lowest after {step['best_multiple']:g} times its length")
    evidence = (
        f"averaging the weights over {AVERAGED_EPOCHS} epochs removes {{what}}, and the loss of a step's own batch is "
        f"lowest after {step['best_multiple']:g} times its length: the steps are too long"
    )
    rate = findings.config.optim.learning_rate / 10
    return judge_switch(findings, LAST_ITERATE, evidence, {"optim.learning_rate": rate}, "a tenth of the learning rate")


def _steps_are_long(findings: Findings) -> bool:
    best = findings.step["best_multiple"]
    return best is not None and best < LONG_STEP


def _small_batch(findings: Findings) -> Answer:
    size = findings.config.train.batch_size
    asked = f"in batches of {4 * size} rather than {size} frames"
    offered = {"train.batch_size": 4 * size}, f"batch_size={4 * size}"
    answer = judge_branch(findings, "batch_times_4", asked, *offered, ": the gradient of so few frames is noisy")
    if isinstance(answer, Named) and size >= SMALL_BATCH:
        return Cleared(f"{answer.evidence}; but {size} frames are no small batch, and a lower rate does the same")
    return answer


def _optimizer(findings: Findings) -> Answer:
    return judge_branch(
        findings,
        "without_moments",
        "from an optimizer without memory",
        {},
        "Adam: a larger epsilon",
        ": what the optimizer remembers makes its steps wild",
    )


def _last_iterate(findings: Findings) -> Answer:
    if findings.calm_rescored and not is_calm(findings.symptom):
        return Cleared(CALM_RESCORED)
    if any(isinstance(judge(findings), Named) for judge in (_tail_batch, _learning_rate, _small_batch, _optimizer)):
        return Cleared("what moves the weights to and fro is named")
    evidence = f"averaging the weights over {AVERAGED_EPOCHS} epochs removes {{what}}: the weights move to and fro"
    decay = findings.average_decay
    elsewhere = f"Keras: use_ema=True, ema_momentum={decay:g}"
    answer = judge_switch(findings, LAST_ITERATE, evidence, {"optim.ema_decay": decay}, elsewhere)
    if isinstance(answer, Named) and takes_most(findings, BATCH_NORM):
        left = 1 - (findings.attributions or {})[BATCH_NORM].alone
        if (answer.alone or 0.0) * left < LEAST_BRANCH:
            return Cleared(f"it takes {answer.alone:.0%} of the {left:.0%} that BatchNorm leaves of the jumping")
    return answer


CAUSES = (
    Cause("tail_batch", "the last batch of an epoch is tiny", JUMPS, _tail_batch, cost=FREE),
    Cause("learning_rate", "the steps are too long", JUMPS, _learning_rate),
    Cause("small_batch", "the batches are too small", JUMPS, _small_batch),
    Cause("optimizer_instability", "the optimizer's memory makes its steps wild", JUMPS, _optimizer),
    Cause(
        LAST_ITERATE,
        "the weights still move to and fro at the end of each epoch",
        JUMPS,
        _last_iterate,
        cost=EVALUATION,
    ),
)
