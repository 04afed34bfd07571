"""Words a diagnosis in one paragraph: why the loss jumps, and what to change."""

from typing import Any

from dogjax.diagnose.causes import is_calm
from dogjax.diagnose.thresholds import LEAST_SHARE

_ONE_CLASS = "The network predicts one class for nearly every frame: it has learned nothing, even if the curve is calm."
_UNKNOWN = "None of the tested changes calms the curve by more than chance could, so the cause of the jumps is unknown."
# What removes the jumps of each cause, as the first sentence of a page says it.
_REMEDIES = {
    "batch_norm_statistics": "measuring BatchNorm's statistics anew before each evaluation",
    "augmented_validation": "not augmenting the validation frames",
    "last_iterate": "averaging the weights over five epochs",
    "learning_rate": "averaging the weights over five epochs",
    "overconfidence": "fitting a temperature to the predictions",
}


def headline(diagnosis: dict[str, Any]) -> str:
    """Words what a reader should know first, without evidence and fixes, which are in `causes`."""
    sentences = [_symptom(diagnosis["symptom"])]
    if diagnosis["symptom"]["predicts_one_class"]:
        sentences.append(_ONE_CLASS)
    jumps = [cause for cause in diagnosis["causes"] if cause["explains"] == "jumps" and cause["share"] is not None]
    if jumps:
        shares = "; ".join(_removes(cause) for cause in jumps)
        losses = diagnosis["curves"]["loss"]["all"]
        rest = 1 - diagnosis["unexplained"] - sum(cause["share"] for cause in jumps)
        unsure = f" Other changes remove {rest:.0%}, but none of them surely." if rest > LEAST_SHARE else ""
        sentences.append(
            f"{shares[0].upper()}{shares[1:]}.{unsure} {diagnosis['unexplained']:.0%} of the jumping is unexplained. "
            f"With every change, the loss of the same weights moves from {min(losses):.2f} to {max(losses):.2f}."
        )
    elif diagnosis["shares"] and not is_calm(diagnosis["symptom"]):
        sentences.append(_UNKNOWN)
    sentences += _how_sure(diagnosis, jumps)
    return " ".join(sentences)


def in_words(diagnosis: dict[str, Any]) -> str:
    """Words the `verdict` of `diagnosis.json` from everything else in it."""
    symptom, causes = diagnosis["symptom"], diagnosis["causes"]
    jumps = [cause for cause in causes if cause["explains"] == "jumps"]
    level = [cause for cause in causes if cause["explains"] == "level"]
    sentences = [_symptom(symptom)]
    if symptom["predicts_one_class"]:
        sentences.append(_ONE_CLASS)
    if jumps:
        sentences.append(f"First cause: {_cause(jumps[0])}")
        sentences += [f"Then: {_cause(cause)}" for cause in jumps[1:]]
        stays = diagnosis["unexplained"]
        sentences.append(f"{stays:.0%} of the jumping remains with every change, and is unexplained.")
    elif diagnosis["shares"] and not is_calm(symptom):
        sentences.append(_UNKNOWN)
    if level:
        sentences.append("How far the score can be trusted:")
        sentences += [_cause(cause) for cause in level]
    sentences += _how_sure(diagnosis, causes)
    if not diagnosis["repeats"]:
        sentences.append(
            "This machine does not repeat the run to the bit, so these figures are of nearly the same network."
        )
    return " ".join(sentences)


def _how_sure(diagnosis: dict[str, Any], causes: list[dict[str, Any]]) -> list[str]:
    """Says why shares have no intervals; empty if they have, or if no cause has a measured share."""
    why = diagnosis["no_intervals"]
    switches = [cause for cause in causes if cause["name"] in (*diagnosis["drops"], "learning_rate")]
    return [f"These shares have no intervals: {why}."] if why and switches else []


def _removes(cause: dict[str, Any]) -> str:
    name = cause["name"].replace("_", " ")
    return f"{_REMEDIES[cause['name']]} removes {cause['share']:.0%} of the jumping ({name})"


def _symptom(symptom: dict[str, Any]) -> str:
    first, last = symptom["epochs"]
    moved = f"from {symptom['lowest_loss']:.2f} to {symptom['highest_loss']:.2f} over epochs {first} to {last}"
    if symptom["volatility"] is None:
        return f"The validation loss moves {moved}; its volatility is not defined."
    if is_calm(symptom):
        return f"The curve is calm: the validation loss moves {moved}, volatility {symptom['volatility']:.2f}."
    return f"The validation loss jumps {moved}, volatility {symptom['volatility']:.2f}."


def _cause(cause: dict[str, Any]) -> str:
    name = cause["name"].replace("_", " ")
    return f"{name}: {cause['evidence']}" + (f" (fix: {cause['override']})." if cause["override"] else ".")
