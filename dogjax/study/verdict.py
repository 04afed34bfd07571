"""Words a study in one paragraph: how much of the spread is randomness, and from which stream."""

from typing import Any

from dogjax.study.analysis import LEVEL
from dogjax.study.plan import ALL, POKE, REFERENCE


def in_words(study: dict[str, Any]) -> str:
    """Words the `verdict` of `study.json` from everything else in it."""
    parts = {"seeds": _seeds, "sobol": _sobol, "crossed": _crossed, "arms": _arms}
    sentences = parts[study["kind"]](study)
    diverged = {name: arm["diverged"] for name, arm in study["arms"].items() if arm["diverged"]}
    if diverged:
        sentences.append(
            "Runs that diverged are left out of all figures: "
            f"{_listed(f'{n} of {name}' for name, n in diverged.items())}."
        )
    if study["missing"]:
        sentences.append(f"{len(study['missing'])} runs are not finished and are left out of all figures.")
    return " ".join(sentences)


def _seeds(study: dict[str, Any]) -> list[str]:
    sentences = [_control(study["control"])]
    arms, against = study["arms"], study.get("against_poke") or {}
    most = ALL if ALL in arms else next(iter(against), None)
    if most is None or POKE not in arms or any(arms[name]["accuracy"]["sd"] is None for name in (POKE, most)):
        return [*sentences, "The floor is not measured yet, so the streams cannot be compared with it."]
    every = "every stream" if most == ALL else f"the stream {most}"
    sentences.append(
        f"With a fresh seed for {every}, the final accuracy has a standard deviation of "
        f"{_points(arms[most]['accuracy'])} around {arms[most]['accuracy']['mean']:.1%}. The floor, which "
        f"is one parameter moved by one unit in its last place, gives {_points(arms[POKE]['accuracy'])}."
    )
    if not arms[POKE]["loss"]["sd"]:
        sentences.append(
            f"The floor is empty: the {arms[POKE]['runs']} runs with one parameter moved are equal, so it cannot be "
            "told how much of the other spreads is chance."
        )
        return [*sentences, *_within(arms)]
    untested = {name: why for name, each in against.items() if (why := _why_untested(each))}
    above = {name: _exceeds(each) for name, each in against.items()}
    found = [name for name, measures in above.items() if measures]
    unclear = [name for name in against if name not in found and name not in untested]
    for name in found:
        ratios = _listed(f"{against[name][m]['ratio']:.1f} times in {m}" for m in above[name])
        sentences.append(f"{_subject(name)} spreads the runs more than the floor: {ratios}.")
    if unclear:
        which = "No stream" if not found and not untested else _listed(f"'{name}'" for name in unclear)
        sentences.append(
            f"{which} can be told from the floor with {arms[POKE]['runs']} runs per arm. The training is chaotic: the "
            "smallest possible change already moves a run that far, and to blame one seed takes more runs."
        )
    for why in dict.fromkeys(untested.values()):
        names = _listed(f"'{name}'" for name, reason in untested.items() if reason == why)
        sentences.append(f"Not tested against the floor: {names}, because {why}.")
    return [*sentences, *_within(arms)]


def _why_untested(against: dict[str, Any]) -> str | None:
    """Says why neither accuracy nor loss of an arm was tested against the floor; None if one was."""
    measured = [each for each in against.values() if each]
    if any(each["p"] is not None for each in measured):
        return None
    return measured[0]["note"] if measured else "too few of their runs are finished"


def _exceeds(against: dict[str, Any]) -> list[str]:
    return [m for m in ("accuracy", "loss") if against[m] and against[m]["significant"] and against[m]["ratio"] > 1]


def _subject(name: str) -> str:
    return "All streams together" if name == ALL else f"The stream '{name}'"


def _within(arms: dict[str, Any]) -> list[str]:
    """Words the jumps within one curve, which differ from the spread between runs."""
    volatilities = [each["volatility"] for each in arms.values()]
    means = [each["mean"] for each in volatilities if each and each["mean"] is not None]
    if not means:
        return []
    return [
        f"Within a run the validation loss still moves from epoch to epoch: the volatility is {min(means):.2f} to "
        f"{max(means):.2f} over the arms, whichever stream is frozen. Freezing the seeds repeats such a curve, but "
        "does not calm it."
    ]


def _sobol(study: dict[str, Any]) -> list[str]:
    sentences = [_control(study["control"])]
    shares = study["sobol"] and study["sobol"]["accuracy"]
    if not shares:
        return [
            *sentences,
            "The shares of the streams cannot be estimated: runs are missing or diverged, or nothing varies.",
        ]
    if any(share["total_half_width"] > 1 for share in shares["streams"].values()):
        return [
            *sentences,
            "The design has too few rows: the intervals of the shares are wider than the whole variance.",
        ]
    for name, share in shares["streams"].items():
        sentences.append(
            f"'{name}' alone explains {_share(share['first'], share['first_half_width'])} of the variance of accuracy, "
            f"and contributes to {_share(share['total'], share['total_half_width'])}."
        )
    sentences.append(f"{shares['interactions']:.0%} come from streams in combination.")
    if shares["floor_variance"] == 0:
        sentences.append(
            "The floor is empty: the runs with one parameter moved are equal, so it cannot be told how much of these "
            "shares is chance."
        )
    elif shares["floor_variance"] is not None:
        share = shares["floor_variance"] / shares["variance"]
        sentences.append(
            f"One parameter moved by one unit in its last place gives {share:.0%} "
            "of that variance by itself: a total share below it is not evidence for a stream."
        )
    return sentences


def _crossed(study: dict[str, Any]) -> list[str]:
    components = study["components"]["accuracy"]
    if not components:
        return ["The components cannot be estimated: runs are missing or diverged."]
    split, seed, rest = components["split"], components["seed"], components["rest"]
    if split["variance"] is None:
        return [f"The components are {split['note']}."]
    sentences = [
        f"Between splits the accuracy has a standard deviation of {_points(split)}, between seeds of {_points(seed)}; "
        f"{_points(rest)} come from their combination."
    ]
    for name, component in (("splits", split), ("seeds", seed)):
        if component["note"]:
            sentences.append(f"The component of {name} is {component['note']}.")
    return sentences


def _arms(study: dict[str, Any]) -> list[str]:
    table = study["against_reference"]
    compared = {name: measures for name, measures in table.items() if measures["accuracy"]}
    sentences = [_one_arm(*each) for each in compared.items()] if len(compared) == 1 else _many_arms(compared)
    if few := [f"'{name}'" for name in table if name not in compared]:
        sentences.append(f"Too few pairs are finished to compare {_listed(few)}.")
    if fixed := [f"'{name}'" for name, measures in table.items() if measures["fixed"]]:
        sentences.append(
            f"Fixed by {_listed(fixed)}: the volatility is about halved or lower, and lower with 95 % confidence; at "
            "most one point of accuracy is lost, with 95 % confidence."
        )
    for name, measures in table.items():
        if measures["one_class"]:
            sentences.append(
                f"'{name}' predicts one class for nearly every frame in {measures['one_class']} of its "
                f"{study['arms'][name]['runs']} runs: its curve may be calm, but it is not a fix."
            )
    if study["capacity"]:
        best, smallest = study["capacity"]["best"], study["capacity"]["smallest"]
        sentences.append(
            f"The lowest loss is that of '{best}'; the smallest network within one standard error of it is "
            f"'{smallest}', with {study['arms'][smallest]['parameters']:,} parameters."
        )
    return sentences or ["No arm has run yet."]


def _one_arm(name: str, measures: dict[str, Any]) -> str:
    changes = [text for each in ("accuracy", "loss", "volatility") if (text := _change(each, measures[each]))]
    return f"'{name}' against '{REFERENCE}', {measures['accuracy']['pairs']} pairs: {'; '.join(changes)}."


def _many_arms(compared: dict[str, Any]) -> list[str]:
    """Words only what stands out; the table has the rest."""
    apart, significant = [], []
    for measure in ("accuracy", "loss", "volatility"):
        known = {name: measures[measure] for name, measures in compared.items() if measures[measure]}
        with_arms = [f"'{name}' ({_size(measure, each)})" for name, each in known.items() if _stands_out(measure, each)]
        if known:
            apart.append(f"the {measure} with {_listed(with_arms) if with_arms else 'no arm'}")
        tested = {name: each for name, each in known.items() if each["p"] is not None}
        significant += [f"the {measure} of '{name}'" for name, each in tested.items() if each["holm_p"] < LEVEL]
    if not apart:
        return []
    sentences = [
        f"These differ from '{REFERENCE}' by 95 % intervals, not adjusted for the number of arms: {'; '.join(apart)}."
    ]
    if any(measures["accuracy"]["p"] is not None for measures in compared.values()):
        which = _listed(significant) if significant else "nothing"
        sentences.append(f"Adjusted for {len(compared)} arms (Holm), significant are: {which}{_at_best(compared)}.")
    return sentences


def _at_best(compared: dict[str, Any]) -> str:
    """Says so if a sign-flip test of so few pairs cannot find anything."""
    smallest = len(compared) * 2.0 ** (1 - max(measures["accuracy"]["pairs"] for measures in compared.values()))
    return f", because with so few seeds no p can be below {smallest:.2f}" if smallest >= LEVEL else ""


def _stands_out(measure: str, comparison: dict[str, Any]) -> bool:
    """Whether the interval of the difference, or of the ratio of volatilities, excludes equality."""
    ratio = comparison["ratio"] if measure == "volatility" else None
    (low, high), equal = (ratio["interval"], 1.0) if ratio else (comparison["interval"], 0.0)
    return not low <= equal <= high


def _size(measure: str, comparison: dict[str, Any]) -> str:
    if measure == "volatility" and comparison["ratio"]:
        return f"times {comparison['ratio']['ratio']:.2f}"
    return (
        f"{comparison['difference'] * 100:+.1f} points" if measure == "accuracy" else f"{comparison['difference']:+.3f}"
    )


def _change(name: str, comparison: dict[str, Any] | None) -> str:
    if not comparison:
        return ""
    certain = " (too few pairs for a p-value)"
    if comparison["p"] is not None:
        word = "significant" if comparison["holm_p"] < LEVEL else "not significant"
        certain = f" ({word}, p {comparison['holm_p']:.3f} by Holm)"
    if name == "volatility" and comparison["ratio"]:
        low, high = comparison["ratio"]["interval"]
        return f"volatility {_size(name, comparison)} ({low:.2f} to {high:.2f}){certain}"
    low, high = comparison["interval"]
    if name == "accuracy":
        return f"accuracy {_size(name, comparison)} ({low * 100:+.1f} to {high * 100:+.1f}){certain}"
    return f"{name} {_size(name, comparison)} ({low:+.3f} to {high:+.3f}){certain}"


def _control(control: dict[str, Any]) -> str:
    if control["identical"] is None:
        why = {0: "has not run", 1: "has only one run"}.get(control["runs"], "diverged")
        return f"The control {why}, so it is unknown whether this machine repeats a run to the bit."
    if not control["identical"]:
        return "The control's runs differ although nothing was varied: do not trust the figures of this study."
    runs, killed = f"{control['runs']} runs with the same seeds", control["killed"]
    equal = "are equal to the bit: only the named streams are random."
    if not killed:
        return f"{runs} {equal} None of them was killed, so it is unknown whether a resumed run is equal, too."
    return f"{runs}, {killed} of them killed half-way and resumed, {equal}"


def _points(spread: dict[str, Any]) -> str:
    """Words a standard deviation of accuracy in percentage points, with its interval."""
    low, high = spread["interval"]
    return f"{spread['sd'] * 100:.1f} points ({low * 100:.1f} to {high * 100:.1f})"


def _share(value: float, half_width: float) -> str:
    return f"{value:.0%} (± {half_width:.0%})"


def _listed(parts: Any) -> str:
    *most, last = list(parts)
    return f"{', '.join(most)} and {last}" if most else last
