"""Scores a diagnosis: from the rows of all runs to `bench/faults.json`."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from bench.faults import rules
from bench.faults.effect import Effect, measure_effect
from bench.faults.operators import FAULTS
from bench.faults.plan import DEVELOPMENT, SOUND, TEST, TOGETHER, control_of
from bench.faults.together import faults_of
from bench.faults.worlds import WORLDS

Row = Mapping[str, Any]
Diagnostician = Callable[[Row], Sequence[str]]

# All runs validate on few recordings, and it is true of them: said beside the causes, it accuses nobody.
CAVEATS = frozenset({"small_validation"})
# And this of a run that tells look-alikes apart.
APART = frozenset({"look_alikes"})
# Recall counts three times as much as precision: of a cause that is not named nobody hears.
BETA = 3
DIAGNOSTICIANS: dict[str, Diagnostician] = {
    "dogjax": lambda row: row["named"],
    "always batch_norm_statistics": lambda row: rules.always_batch_norm(row["config"]),
    "rules on the configuration": lambda row: rules.by_configuration(row["config"]),
}


def score(rows: Iterable[Row]) -> dict[str, Any]:
    """Returns the figures of some rows, ready for JSON.

    `summary` and, by diagnostician, `peers` hold the figures of each world and part; `runs` each diagnosed run,
    `effects` what each fault does, `together` and `shares` the figures of several faults at once and of shares.
    """
    rows = list(rows)
    effects = measure_effects(rows)
    judged = {
        who: [_judge(row, effects, names_of) for row in rows if row["diagnosed"]]
        for who, names_of in DIAGNOSTICIANS.items()
    }
    return {
        "summary": summaries(judged["dogjax"]),
        "peers": {who: summaries(runs) for who, runs in judged.items()},
        "runs": {_name(run): run for run in judged["dogjax"]},
        "effects": [
            {"world": world, "fault": fault, "strength": strength}
            | {
                "change": dict(effect.change),
                "p": dict(effect.p),
                "felt": list(effect.felt),
                "hurts": list(effect.hurts),
            }
            | {"diverged": effect.diverged, "seeds": effect.seeds}
            for (world, fault, strength), effect in effects.items()
        ],
        "together": _together([row for row in rows if row["kind"] == TOGETHER]),
        "shares": _shares(rows, effects),
    }


def summaries(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the figures of each world that has judged runs, and of each part."""
    parts = {part: [world.name for world in WORLDS.values() if world.part == part] for part in (DEVELOPMENT, TEST)}
    groups = {name: [run for run in runs if run["world"] == name] for name in WORLDS}
    groups |= {part: [run for run in runs if run["world"] in names] for part, names in parts.items()}
    return {name: summarise(group) for name, group in groups.items() if group}


def with_earlier(results: Mapping[str, Any], earlier: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the results with those of worlds that only the earlier ones have."""
    seen = {run["world"] for run in results["runs"].values()}
    runs = {name: run for name, run in earlier.get("runs", {}).items() if run["world"] not in seen} | results["runs"]
    effects = [each for each in earlier.get("effects", []) if each["world"] not in seen]
    peers = {who: {**earlier.get("peers", {}).get(who, {}), **each} for who, each in results["peers"].items()}
    return {
        **results,
        "runs": runs,
        "summary": summaries(list(runs.values())),
        "effects": [*effects, *results["effects"]],
        "peers": peers,
        "together": results["together"]
        if results["together"]["runs"]
        else earlier.get("together", results["together"]),
    }


def measure_effects(rows: Sequence[Row]) -> dict[tuple[str, str, int], Effect]:
    """Returns the effect of every fault at every strength in every world."""
    runs = {(row["world"], row["kind"], row["key"], row["strength"], row["seed"]): row for row in rows}
    seeds = defaultdict(list)
    for row in rows:
        if row["kind"] in FAULTS:
            seeds[row["world"], row["kind"], row["strength"]].append(row["seed"])
    effects = {}
    for (world, name, strength), each in seeds.items():
        key = control_of(FAULTS[name], strength)
        pairs = [
            (runs[world, name, "", strength, seed], runs[world, SOUND, key, 0, seed])
            for seed in sorted(each)
            if (world, SOUND, key, 0, seed) in runs
        ]
        effects[world, name, strength] = measure_effect(FAULTS[name], *zip(*pairs)) if pairs else None
    return {what: effect for what, effect in effects.items() if effect is not None}


def _judge(row: Row, effects: Mapping[tuple, Effect], names_of: Diagnostician) -> dict[str, Any]:
    """Returns what was planted in a run, what it did, what was named, and whether that is right."""
    named = list(names_of(row))
    fault = FAULTS.get(row["kind"])
    found = effects.get((row["world"], row["kind"], row["strength"]))
    right = fault.right if fault else frozenset()
    causes = [name for name in named if name not in _true_anyway(row) - right]
    return {
        "world": row["world"],
        "fault": row["kind"],
        "strength": row["strength"],
        "seed": row["seed"],
        "effect": {name: value for name, value in found.change.items()} if found else None,
        "hurts": found.verdict if found else None,
        "named": named,
        "causes": causes,
        "first": bool(causes) and causes[0] in right,
        "right": bool(right & set(causes)),
        "precision": len(right & set(causes)) / len(causes) if causes else 0.0,
    }


def _true_anyway(row: Row) -> frozenset[str]:
    """Returns the causes that hold of a run without any fault: naming one of them is neither right nor wrong."""
    world = WORLDS[row["world"]]
    merged = row["config"].get("data.merge_labels")
    return CAVEATS | world.true | (APART if world.alike and merged == [] else frozenset())


def summarise(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts judged runs.

    Recall, precision and top-1 are means over the runs whose fault hurts; a run that names nothing has precision 0, as
    in Humbatova et al. (EMSE 2025). Every figure has a Wilson interval beside it, named `..._interval`, as if runs were
    independent, which two seeds of one fault are not.
    """
    faulty = [run for run in runs if run["fault"] in FAULTS]
    hurting = [run for run in faulty if run["hurts"]]
    misses = [run for run in faulty if run["hurts"] is False]
    sound = [run for run in runs if run["fault"] == SOUND]
    accused = [run for run in sound if run["causes"]]
    recall, precision = _mean(hurting, "right"), _mean(hurting, "precision")
    return {
        "fault_runs": len(faulty),
        "hurting_runs": len(hurting),
        "undecided_runs": len(faulty) - len(hurting) - len(misses),
        "top1": _mean(hurting, "first"),
        "top1_interval": wilson(sum(run["first"] for run in hurting), len(hurting)),
        "recall": recall,
        "recall_interval": wilson(sum(run["right"] for run in hurting), len(hurting)),
        "precision": precision,
        "f3": _f(recall, precision),
        "sound_runs": len(sound),
        "sound_accused": len(accused),
        "sound_accused_interval": wilson(len(accused), len(sound)),
        "sound_accusations": sum(len(run["causes"]) for run in sound),
        "sound_small_validation": sum("small_validation" in run["named"] for run in sound),
        "near_misses": len(misses),
        "near_misses_silent": sum(not run["causes"] for run in misses),
    }


def wilson(hits: int, count: int) -> list[float] | None:
    """Returns Wilson's interval of a share, 95 % (Wilson 1927, JASA 22:209); None of nothing."""
    if not count:
        return None
    interval = stats.binomtest(int(hits), count).proportion_ci(method="wilson")
    return [float(interval.low), float(interval.high)]


def _mean(runs: Sequence[Mapping[str, Any]], name: str) -> float | None:
    return float(np.mean([run[name] for run in runs])) if runs else None


def _f(recall: float | None, precision: float | None) -> float | None:
    """Returns F3 of mean recall and mean precision."""
    if recall is None or precision is None:
        return None
    weighed = BETA**2 * precision + recall
    return (1 + BETA**2) * precision * recall / weighed if weighed else 0.0


def _together(rows: Sequence[Row]) -> dict[str, Any]:
    """Counts runs with several faults: recall over faults, precision over names, and who was named for whom."""
    planted, found, named, right = 0, 0, 0, 0
    confusion: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    first = 0
    for row in rows:
        faults = [fault for fault, _ in faults_of(row["strength"])]
        allowed = frozenset[str]().union(*(fault.right for fault in faults))
        causes = [name for name in row["named"] if name not in _true_anyway(row)]
        planted += len(faults)
        found += sum(bool(fault.right & set(causes)) for fault in faults)
        named += len(causes)
        right += sum(name in allowed for name in causes)
        first += bool(causes) and causes[0] in allowed
        for fault in faults:
            for name in causes:
                confusion[fault.name][name] += 1
    return {
        "runs": len(rows),
        "faults": planted,
        "recall": found / planted if planted else None,
        "recall_interval": wilson(found, planted),
        "precision": right / named if named else None,
        "precision_interval": wilson(right, named),
        "first_right": first,
        "named_for": {fault: dict(names) for fault, names in confusion.items()},
    }


def _shares(rows: Sequence[Row], effects: Mapping[tuple, Effect]) -> dict[str, Any]:
    """Holds the shares of switches against what the faults do to the jumping, and against those of other seeds.

    The measured share of a fault is 1 - (jumping of the sound runs) / (jumping of the faulty runs). `slope` is that of
    the least squares of named shares on measured ones, one point a run; `coverage` is how often a run's interval holds
    the share that another seed of the same fault has.
    """
    points, held = [], []
    for row in rows:
        fault = FAULTS.get(row["kind"])
        effect = effects.get((row["world"], row["kind"], row["strength"]))
        if not row["diagnosed"] or fault is None or effect is None or effect.change.get("jumping") is None:
            continue
        for name in sorted(fault.right & set(row["shares"])):
            measured = 1 - math.exp(-(effect.change["jumping"] or 0.0))
            points.append([measured, row["shares"][name]["share"]])
            others = [
                other["shares"][name]["share"]
                for other in rows
                if all(other[field] == row[field] for field in ("world", "kind", "strength"))
                and other["seed"] != row["seed"]
                and other["diagnosed"]
                and name in other["shares"]
            ]
            interval = row["shares"][name]["interval"]
            if interval is not None:
                held += [interval[0] <= share <= interval[1] for share in others]
    # A sound run that jumps more than the faulty one has no share to measure.
    real = np.array([point for point in points if point[0] > 0]).reshape(-1, 2)
    fit = stats.linregress(real[:, 0], real[:, 1]) if len(real) > 2 and real[:, 0].std() else None
    return {
        "points": points,
        "runs": len(real),
        "slope": float(fit.slope) if fit else None,
        "slope_se": float(fit.stderr) if fit else None,
        "coverage": float(np.mean(held)) if held else None,
        "coverage_of": len(held),
        "coverage_interval": wilson(sum(held), len(held)),
    }


def _name(run: Mapping[str, Any]) -> str:
    return f"{run['world']}/{run['fault']}/{run['strength']}/{run['seed']}"
