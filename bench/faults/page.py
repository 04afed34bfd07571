"""Writes `bench/faults.json`, `docs/faults.md` and its picture from the rows of all runs."""

import json
import pathlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from bench.faults import cases, history, picture
from bench.faults.operators import FAULTS
from bench.faults.plan import SEEDS, TEST, worlds_of
from bench.faults.score import cases as rows_of_cases
from bench.faults.score import score, with_earlier
from bench.faults.worlds import WORLDS
from dogjax.files import read_json, write_text

HERE = pathlib.Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
RESULTS = HERE.parent / "faults.json"

_HEAD = """# Planted faults

`make bench-diagnosis` writes this page from real runs on real video files: {faults} faults at three strengths each,
four seeds a strength, beside sound runs of the same seeds; varied sound runs; runs with several faults; five runs
like those of people who asked in public. What a fault does is measured, and one that nobody would feel counts as a
near miss, where silence is right. Names that count as right were decided before anything was run
([`bench/faults/operators.py`](../bench/faults/operators.py)).

Thresholds are set on the development worlds (*embedded*: three dogs in four places; *drift*: digits that wander
over photographs). The test worlds (*second*: other dogs, other places, another camera; *clips*: phone clips of
three real dogs, where they are at hand; *noise*: random pixels, of which nothing can be learnt) are run once a
release, and every run of them is listed below.
"""
_LITERATURE = """
## Beside the literature

Humbatova et al. (EMSE 2025, PMC12152046) held four tools against 17 faults planted by DeepCrime and 16 real ones.
Mean recall and precision against the planted or mended fault: DeepFD .33 and .18, UMLAUT .19 and .21, NeuraLint .19
and .20, DeepDiagnosis .15 and .21; with equivalent repairs admitted DeepFD has .55 and .37. Of its six image
networks DeepFD names two. DEFault (ICSE 2025, arXiv 2501.12560) diagnoses 63 % of the 52 programs of DeepFD's own
benchmark.

- Comparable: the operators (most are DeepCrime's), that a fault must hurt, recall and precision a run, one fault a
  run.
- Not comparable: their networks are of many kinds and their tools read the program, too; here every run is a small
  convolutional network on videos, trained by this project, which knows its configuration. Equivalent names are
  admitted here, so .55 and .37 are the nearer figures.

Left out of DeepCrime's operators: disabled batching (HDB: one step an epoch is a form of too few epochs), an
activation removed or added (ARM, AAL: the first is `identity` here, the second has no place in this network),
regularisation changed or removed (RCW, RRW: the sound run has none), bias added or removed (WAB, WRB: BatchNorm
makes up for it), gradient clipping (OCG: harmless below the rates of HLR), validation removed (VRM: without
validation there is no curve to diagnose; here it is made small).
"""


def write(rows: Sequence[Mapping[str, Any]], worlds: str) -> None:
    """Scores the rows of all worlds and writes the three files.

    Args:
      rows: of all runs that are there; what an earlier run found in worlds without rows is kept.
      worlds: those that were run just now, as `worlds_of` takes them. A run of test worlds is noted in the log.
    """
    earlier = read_json(RESULTS) if RESULTS.exists() else {}
    results = with_earlier(score(rows), earlier)
    results["thresholds"] = sorted({row["thresholds"] for row in rows if row.get("thresholds")})
    results["log"] = earlier.get("log", [])
    if any(world.part == TEST for world in worlds_of(worlds)):
        code = sorted({row["diagnosis_code"] for row in rows if _is_test(row["world"]) and "diagnosis_code" in row})
        figures = {name: each for name, each in results["summary"].items() if name == TEST or _is_test(name)}
        results["log"] = history.noted(results["log"], figures, results["thresholds"], code)
    RESULTS.write_text(json.dumps(results, indent=1, allow_nan=False) + "\n")
    picture.draw(results, DOCS / "faults.png")
    write_text(DOCS / "faults.md", in_words(results, rows))


def summary_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """Words the figures of some rows."""
    return _table_of_summary(score(rows)["summary"])


def in_words(results: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns the page."""
    parts = [
        _HEAD.format(faults=len(FAULTS)),
        "## What the diagnosis names\n\nOf runs whose fault hurts: top-1, the first cause named is right; "
        "recall, any is; precision, "
        "the share of the names that are right. F3 weighs recall three times. Intervals are Wilson's, as if "
        "runs were "
        "independent, which two seeds of one fault are not. `small_validation` is true of nearly every run "
        "here, so it accuses nobody; how "
        "often sound runs were told so is counted apart.\n",
        _table_of_summary(results["summary"]),
        _peers(results),
        _by_fault(results),
        "![For each fault, how often it is named, against what it does](faults.png)\n",
        _effects(results),
        _accusations(results),
        _shares(results),
        _together(results),
        _cases(rows),
        _LITERATURE,
        _log(results),
        _seconds(rows),
    ]
    return "\n".join(part for part in parts if part)


def _is_test(name: str) -> bool:
    return name in WORLDS and WORLDS[name].part == "test"


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = ["---"] * len(head)
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *lines)) + "\n"


def _share(value: float | None, interval: Sequence[float] | None = None) -> str:
    if value is None:
        return "-"
    return f"{100 * value:.0f} %" + (f" ({100 * interval[0]:.0f} to {100 * interval[1]:.0f})" if interval else "")


def _table_of_summary(summary: Mapping[str, Any]) -> str:
    head = [
        "worlds",
        "runs whose fault hurts",
        "top-1",
        "recall",
        "precision",
        "F3",
        "sound runs accused",
        "near misses left alone",
    ]
    lines = []
    for name, each in summary.items():
        sound = f"{each['sound_accused']} of {each['sound_runs']}"
        if each["sound_runs"]:
            low, high = each["sound_accused_interval"]
            sound += f" ({100 * low:.0f} to {100 * high:.0f} %)"
        lines.append(
            [
                name,
                f"{each['hurting_runs']} of {each['fault_runs']}",
                _share(each["top1"], each["top1_interval"]),
                _share(each["recall"], each["recall_interval"]),
                _share(each["precision"]),
                "-" if each["f3"] is None else f"{each['f3']:.2f}",
                sound,
                f"{each['near_misses_silent']} of {each['near_misses']}",
            ]
        )
    return _table(head, lines)


def _peers(results: Mapping[str, Any]) -> str:
    lines = []
    for who, by_world in results["peers"].items():
        for name, each in by_world.items():
            if name in ("development", "test"):
                lines.append(
                    [who, name, _share(each["top1"]), _share(each["recall"]), _share(each["precision"])]
                    + [
                        "-" if each["f3"] is None else f"{each['f3']:.2f}",
                        f"{each['sound_accused']} of {each['sound_runs']}",
                    ]
                )
    return (
        "Beside it two that look at no run: one always says BatchNorm, one reads the configuration "
        "([`bench/faults/rules.py`](../bench/faults/rules.py)).\n\n"
        + _table(["who", "worlds", "top-1", "recall", "precision", "F3", "sound runs accused"], lines)
    )


def _by_fault(results: Mapping[str, Any]) -> str:
    runs = defaultdict(list)
    for run in results["runs"].values():
        if run["fault"] in FAULTS:
            runs[run["fault"]].append(run)
    lines = []
    for name, fault in FAULTS.items():
        hurting = [run for run in runs[name] if run["hurts"]]
        named = defaultdict(int)
        for run in hurting:
            named[run["causes"][0] if run["causes"] else "nothing"] += 1
        first = ", ".join(f"{cause} {count}" for cause, count in sorted(named.items(), key=lambda each: -each[1]))
        right = ", ".join(sorted(fault.right))
        counts = [f"{sum(run[what] for run in hurting)} of {len(hurting)}" for what in ("first", "right")]
        lines.append([f"`{name}`", fault.whence, right, *counts, first])
    head = ["fault", "whence", "right names", "named first", "named at all", "what was named first"]
    return "## Fault by fault\n\nOver all worlds, of the diagnosed runs whose fault hurts.\n\n" + _table(head, lines)


def _effects(results: Mapping[str, Any]) -> str:
    lines = []
    for each in results["effects"]:
        change, fault = each["change"], FAULTS[each["fault"]]
        lines.append(
            [each["world"], f"`{each['fault']}`", _strength(fault.strengths[each["strength"] - 1])]
            + [_times(change["loss"]), _points(change["accuracy"]), _times(change["jumping"])]
            + [", ".join(each["hurts"]) or "near miss"]
        )
    seeds = len(SEEDS["development"])
    return (
        f"## What each fault does\n\nAgainst sound runs of the same {seeds} seeds: loss and jumping times, "
        f"accuracy plus. Named are the "
        "measures that a paired t-test, with Holm's correction over the measures, finds changed for the worse "
        "(of a fault that flatters, "
        "for the better) and that somebody would feel: the loss by a tenth, two points, jumps by a half and "
        "above .02 nats.\n\n" + _table(["world", "fault", "strength", "loss", "accuracy", "jumping", "felt"], lines)
    )


def _strength(strength: Any) -> str:
    if isinstance(strength, tuple):
        return " ".join(_strength(each) for each in strength if each is not None)
    return f"{strength:g}" if isinstance(strength, (int, float)) else str(strength)


def _times(change: float | None) -> str:
    return "-" if change is None else f"x {2.718281828459045**change:.2f}"


def _points(change: float | None) -> str:
    return "-" if change is None else f"{100 * change:+.1f}"


def _accusations(results: Mapping[str, Any]) -> str:
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for run in results["runs"].values():
        if run["fault"] == "sound":
            for name in run["named"]:
                counts[name][run["world"]] += 1
    worlds = [name for name in WORLDS if results["summary"].get(name, {}).get("sound_runs")]
    lines = [[name, *(str(each[world]) for world in worlds)] for name, each in sorted(counts.items())]
    total = ["sound runs", *(str(results["summary"][world]["sound_runs"]) for world in worlds)]
    return "## What sound runs are accused of\n\n" + _table(["cause", *worlds], [*lines, total])


def _shares(results: Mapping[str, Any]) -> str:
    each = results["shares"]
    if each["slope"] is None:
        return ""
    held = _share(each["coverage"], each["coverage_interval"])
    return (
        "## What a share is worth\n\n"
        f"The share that a right cause is given against what its fault does to the jumping (1 less the ratio of "
        f"sound to faulty), "
        f"{each['runs']} runs: slope {each['slope']:.2f} (standard error {each['slope_se']:.2f}); 1 would be "
        f"right. Of the other "
        f"seed's shares {held} lie within a run's 95 % interval ({each['coverage_of']} comparisons).\n"
    )


def _together(results: Mapping[str, Any]) -> str:
    each = results["together"]
    if not each["runs"]:
        return ""
    return (
        "## Several at once\n\n"
        f"Twelve faults in a Plackett-Burman design, {each['runs']} runs, {each['faults']} faults in all. Named "
        f"at all: "
        f"{_share(each['recall'], each['recall_interval'])} of the faults. Right: "
        f"{_share(each['precision'], each['precision_interval'])} of the "
        f"names. The first name is right in {each['first_right']} runs.\n"
    )


def _cases(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = []
    for row in rows_of_cases(rows):
        case = cases.CASES[row["strength"]]
        lines.append(
            [case.name, case.whence, ", ".join(sorted(case.right)), case.said, ", ".join(row["named"]) or "nothing"]
        )
    head = ["case", "asked", "right names", "first edition", "now"]
    return "## Five public cases\n\nNo part of any count.\n\n" + _table(head, lines) if lines else ""


def _log(results: Mapping[str, Any]) -> str:
    lines = []
    for each in results["log"]:
        figures = each["figures"].get("test", {})
        lines.append(
            [
                each["date"],
                each["commit"] or "-",
                ", ".join(code[:8] for code in each["thresholds"]),
                _share(figures.get("top1")),
            ]
            + [_share(figures.get("recall")), _share(figures.get("precision"))]
            + [f"{figures.get('sound_accused')} of {figures.get('sound_runs')}"]
        )
    head = ["date", "commit", "thresholds", "top-1", "recall", "precision", "sound runs accused"]
    earlier = [[each["seeds"], f"{each['named_first']} of {each['of']}", each["then"]] for each in history.EARLIER]
    return (
        "## Every run of the test worlds\n\n"
        + _table(head, lines)
        + "\nBefore there were test worlds, seven rounds of another bench were run, each on new seeds of one world: one "
        "strength a fault, eight causes, two runs a cause.\n\n"
        + _table(["seeds", "named first", "changed after it"], earlier)
    )


def _seconds(rows: Sequence[Mapping[str, Any]]) -> str:
    train = sum(row.get("train_seconds", 0) for row in rows)
    diagnose = sum(row.get("diagnose_seconds", 0) for row in rows)
    return (
        f"{len(rows)} runs: {train / 60:.0f} minutes of training and {diagnose / 60:.0f} of diagnosis, on a core "
        "each.\n"
    )
