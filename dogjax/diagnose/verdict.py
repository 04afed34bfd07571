"""A diagnosis in one paragraph of plain words: why does the loss jump, and what is to be changed?"""

from typing import Any

from dogjax.diagnose.causes import is_calm
from dogjax.diagnose.shares import LEAST_SHARE

_ONE_CLASS = "It predicts one class for nearly every frame: however calm the curve, nothing is learned."
_UNKNOWN = "No switch takes a part of it that can be told from chance, so its cause is not known."


def headline(diagnosis: dict[str, Any]) -> str:
    """What a reader should know first, without evidence and fixes: those stand in `causes`."""
    sentences = [_symptom(diagnosis["symptom"])]
    if diagnosis["symptom"]["predicts_one_class"]:
        sentences.append(_ONE_CLASS)
    jumps = [cause for cause in diagnosis["causes"] if cause["explains"] == "jumps" and cause["share"] is not None]
    if jumps:
        shares = ", ".join(f"{cause['share']:.0%} with {cause['name'].replace('_', ' ')}" for cause in jumps)
        losses = diagnosis["curves"]["loss"]["all"]
        rest = 1 - diagnosis["unexplained"] - sum(cause["share"] for cause in jumps)
        unsure = f", {rest:.0%} with other switches, none of them surely" if rest > LEAST_SHARE else ""
        sentences.append(
            f"Of these jumps {shares} would go away{unsure}; {diagnosis['unexplained']:.0%} is unexplained. The same "
            f"weights, evaluated with every switch on, move from {min(losses):.2f} to {max(losses):.2f}."
        )
    elif diagnosis["shares"] and not is_calm(diagnosis["symptom"]):
        sentences.append(_UNKNOWN)
    sentences += _how_sure(diagnosis, jumps)
    return " ".join(sentences)


def in_words(diagnosis: dict[str, Any]) -> str:
    """The `verdict` of `diagnosis.json`, from everything else in it."""
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
        sentences.append(f"{stays:.0%} of the volatility stays with every switch on: unexplained.")
    elif diagnosis["shares"] and not is_calm(symptom):
        sentences.append(_UNKNOWN)
    if level:
        sentences.append("Of the score itself:" if jumps else "What its level is worth:")
        sentences += [_cause(cause) for cause in level]
    sentences += _how_sure(diagnosis, causes)
    if not diagnosis["repeats"]:
        sentences.append("This machine does not give the run's bits, so all of this is of nearly the same network.")
    return " ".join(sentences)


def _how_sure(diagnosis: dict[str, Any], causes: list[dict[str, Any]]) -> list[str]:
    """Nothing where intervals say it, or none of the causes is a switch's."""
    why = diagnosis["no_intervals"]
    switches = [cause for cause in causes if cause["name"] in (*diagnosis["drops"], "learning_rate")]
    return [f"How sure these shares are cannot be told: {why}."] if why and switches else []


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
