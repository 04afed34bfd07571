"""A diagnosis in one paragraph of plain words: why does the loss jump, and what is to be changed?"""

from typing import Any

from dogjax.diagnose.causes import is_calm


def in_words(diagnosis: dict[str, Any]) -> str:
    """The `verdict` of `diagnosis.json`, from everything else in it."""
    symptom, causes = diagnosis["symptom"], diagnosis["causes"]
    jumps = [cause for cause in causes if cause["explains"] == "jumps"]
    level = [cause for cause in causes if cause["explains"] == "level"]
    sentences = [_symptom(symptom)]
    if symptom["predicts_one_class"]:
        sentences.append("It predicts one class for nearly every frame: however calm the curve, nothing is learned.")
    if jumps:
        sentences.append(f"First cause: {_cause(jumps[0])}")
        sentences += [f"Then: {_cause(cause)}" for cause in jumps[1:]]
        stays = diagnosis["unexplained"]
        sentences.append(f"{stays:.0%} of the volatility stays with every switch on: unexplained.")
    elif not is_calm(symptom):
        sentences.append("No switch takes a part of it that can be told from chance, so its cause is not known.")
    if level:
        sentences.append("Of the score itself:" if jumps else "What its level is worth:")
        sentences += [_cause(cause) for cause in level]
    if not diagnosis["repeats"]:
        sentences.append("This machine does not give the run's bits, so all of this is of nearly the same network.")
    return " ".join(sentences)


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
