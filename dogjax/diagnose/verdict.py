"""Words a diagnosis: first a sentence that needs no glossary, then what was named, cleared and left open."""

from collections.abc import Mapping
from typing import Any

from dogjax.diagnose.findings import is_calm

_UNKNOWN = "No change that was tried calms the curve by more than chance could, so the cause of the jumps is unknown."
_NOT_REPEATED = "This machine does not repeat the run to the bit, so these figures are of nearly the same network."


def headline(diagnosis: Mapping[str, Any]) -> str:
    """Words what a reader should know first, without evidence and fixes, which are in `causes`."""
    by_kind = _by_kind(diagnosis)
    sentences = [f"{_capital(cause['plain'])}." for cause in by_kind["learning"]]
    sentences += [f"{_capital(cause['plain'])}: no score of this split can be trusted." for cause in by_kind["sides"]]
    if diagnosis["symptom"]["predicts_one_class"] and not by_kind["learning"]:
        sentences.append("The network names one class for nearly every frame, even if the curve is calm.")
    sentences.append(_symptom(diagnosis["symptom"]))
    if by_kind["jumps"]:
        sentences += _why(by_kind["jumps"])
    elif diagnosis["switches"] and not is_calm(diagnosis["symptom"]):
        sentences.append(_UNKNOWN)
    sentences += _how_sure(diagnosis)
    return " ".join(sentences)


def in_words(diagnosis: Mapping[str, Any]) -> str:
    """Words the `verdict` of `diagnosis.json` from everything else in it."""
    sentences = [headline(diagnosis)]
    for number, cause in enumerate(diagnosis["causes"]):
        fix = f" (change: {cause['override']})" if cause["override"] else ""
        sentences.append(f"{'First' if not number else 'Then'} {_words(cause['name'])}: {cause['evidence']}{fix}.")
    if diagnosis["cleared"]:
        sentences.append(f"Cleared: {', '.join(_words(each['name']) for each in diagnosis['cleared'])}.")
    sentences += [f"Not testable: {_words(each['name'])}: {each['why']}." for each in diagnosis["not_testable"]]
    return " ".join(sentences)


def _by_kind(diagnosis: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    kinds = ("learning", "sides", "jumps", "score")
    return {kind: [cause for cause in diagnosis["causes"] if cause["explains"] == kind] for kind in kinds}


def _why(jumps: list[dict[str, Any]]) -> list[str]:
    first = jumps[0]
    if first["alone"] is None:
        sentences = [f"One cause is there whose part is unknown: {first['plain']}."]
    else:
        much = f"{'Most' if first['alone'] > 0.5 else 'A part'} of {first['of']} ({first['alone']:.0%})"
        sentences = [f"{much} goes if this alone is changed: {first['plain']}."]
    most = [cause for cause in jumps[1:] if (cause["alone"] or 0) > 0.5 and not cause["amplifies"]]
    if most:
        others = " and ".join(f"{cause['plain']} ({cause['alone']:.0%})" for cause in most)
        sentences.append(f"Another change does as much, for causes are links of a chain: {others}.")
    return sentences


def _how_sure(diagnosis: Mapping[str, Any]) -> list[str]:
    why = diagnosis["no_intervals"]
    sentences = [f"These figures have no intervals: {why}."] if why and diagnosis["switches"] else []
    return sentences if diagnosis["repeats"] else [*sentences, _NOT_REPEATED]


def _symptom(symptom: Mapping[str, Any]) -> str:
    first, last = symptom["epochs"]
    moved = f"from {symptom['lowest_loss']:.2f} to {symptom['highest_loss']:.2f} over epochs {first} to {last}"
    if symptom["relative_jumping"] is None:
        return f"The validation loss moves {moved}; its relative size is not defined."
    if is_calm(symptom):
        return f"The curve is calm: the validation loss moves {moved}."
    return f"The validation loss jumps {moved}, from one epoch to the next by {symptom['jumping']:.2f} nats."


def _words(name: str) -> str:
    return name.replace("_", " ")


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
