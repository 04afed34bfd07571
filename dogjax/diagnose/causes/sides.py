"""Do the training side and the validation side agree?"""

from dogjax.diagnose.causes.cause import SIDES, Answer, Cause, Cleared, Named, NotTestable
from dogjax.diagnose.findings import Findings
from dogjax.diagnose.honest_split import leaky_share
from dogjax.diagnose.thresholds import FEW_OF_A_CLASS, ORDER_GAINS, SIDES_APART

_LABELLED = "a Keras or PyTorch loader takes the same: shuffle before you split, and look at the counts of both sides"


def _missing_class(findings: Findings) -> Answer:
    sides = findings.sides
    missing = [name for name, frames in sides.train_frames.items() if not frames and sides.validation_frames[name]]
    if not missing:
        return Cleared("every class of the validation side is trained on")
    share = sum(sides.validation_frames[name] for name in missing) / sum(sides.validation_frames.values())
    names, it = " and ".join(missing), "them" if missing[1:] else "it"
    evidence = (
        f"no frame of {names} is trained on, and {share:.0%} of the validation frames are of {it}: their accuracy is 0 "
        "by construction, and their loss has no floor"
    )
    kept_out = [name for name in missing if name in findings.config.split.validation_only]
    fix = {"split.validation_only": tuple(n for n in findings.config.split.validation_only if n not in kept_out)}
    return Named(evidence, fix if kept_out else {}, _LABELLED, alone=share, of="the validation frames")


def _class_imbalance(findings: Findings) -> Answer:
    sides = findings.sides
    frames = {name: count for name, count in sides.train_frames.items() if count}
    if len(frames) < 2:
        return NotTestable("there is one class")
    fewest, most = min(frames, key=lambda n: frames[n]), max(frames, key=lambda n: frames[n])
    ratio = frames[fewest] / frames[most]
    said = f"{fewest} has {frames[fewest]} training frames and {most} {frames[most]}"
    accuracies = dict(findings.confusion.by_class)
    here = accuracies.pop(fewest, None)
    if ratio >= FEW_OF_A_CLASS or here is None or not accuracies:
        return Cleared(said)
    elsewhere = sum(accuracies.values()) / len(accuracies)
    said += f"; {here:.0%} of the validation frames of {fewest} are named rightly, and {elsewhere:.0%} of the others"
    if here >= elsewhere:
        return Cleared(said)
    return Named(said, {"train.sampling": "balanced"}, "Keras: class_weight; PyTorch: WeightedRandomSampler")


def _sides_differ(findings: Findings) -> Answer:
    apart = findings.sides.apart
    if apart is None:
        return NotTestable(
            "the data name too few recordings, or backgrounds that only one side has, to say how far two of them "
            "usually lie apart"
        )
    said = (
        f"the {apart.feature} of validation frames is {apart.validation:.1f} and that of training frames "
        f"{apart.train:.1f}; between recordings of one side it has a standard deviation of {apart.deviation:.1f}"
    )
    if abs(apart.validation - apart.train) < SIDES_APART * apart.deviation or apart.p > 0.001:
        return Cleared(said)
    evidence = said + ": look for another preparation, another camera or other light on one side"
    return Named(evidence, {}, "the same function must prepare both sides")


def _wrong_class_order(findings: Findings) -> Answer:
    confusion = findings.confusion
    order, accuracy = confusion.best_order
    said = f"{confusion.accuracy:.0%} of the validation frames are named rightly"
    if isinstance(_sides_differ(findings), Named):
        return Cleared(f"{said}, and the frames of the two sides differ: that may be why")
    if accuracy < ORDER_GAINS + confusion.accuracy:
        return Cleared(f"{said}, and with any other order of the classes {accuracy:.0%} at most")
    exchanged = ", ".join(f"{name} is called {other}" for name, other in order.items() if name != other)
    evidence = (
        f"{said}, and {accuracy:.0%} once classes are exchanged: {exchanged}; the two sides number them differently"
    )
    return Named(evidence, {}, "sort the names of the classes before they are numbered, on both sides")


def _leaky_split(findings: Findings) -> Answer:
    share = leaky_share(findings.audit)
    if share is None:
        nearest = findings.audit["nearest_training_frame"]["share_within_2_seconds"]
        if nearest is None:
            return NotTestable("the data give no times, so frames that lie seconds apart cannot be found")
        return Cleared(f"{nearest:.0%} of the validation frames lie within 2 s of a training frame of their recording")
    evidence = (
        f"{share:.0%} of the validation frames lie within 2 s of a training frame of the same recording: the score "
        "tells how well the network remembers these recordings"
    )
    if findings.honest_split is None:
        evidence += "; no split of these frames keeps the sides apart: record each class again, on another day"
    fix = findings.honest_split or {}
    return Named(
        evidence, fix, "split by recording, before cutting into frames", alone=share, of="the validation frames"
    )


CAUSES = (
    Cause("missing_class", "a class that is validated was never trained on", SIDES, _missing_class),
    Cause("wrong_class_order", "the two sides number the classes differently", SIDES, _wrong_class_order),
    Cause("sides_differ", "training frames and validation frames look different", SIDES, _sides_differ),
    Cause("leaky_split", "validation frames are all but copies of training frames", SIDES, _leaky_split),
    Cause("class_imbalance", "a class has far fewer training frames than the others", SIDES, _class_imbalance),
)
