"""Writes `bench/faults.json`, `docs/faults.md` and its picture from the rows of all runs."""

import json
import math
import pathlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

from bench.faults import history, picture
from bench.faults.cases import CASES
from bench.faults.operators import FAULTS
from bench.faults.plan import CASE, DEVELOPMENT, SOUND, TEST, plan, worlds_of
from bench.faults.score import score, with_earlier
from bench.faults.worlds import WORLDS
from dogjax.files import read_json, write_text

HERE = pathlib.Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
RESULTS = HERE.parent / "faults.json"

Rows = Sequence[Mapping[str, Any]]


def write(rows: Rows, worlds: str) -> None:
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
    write_text(RESULTS, json.dumps(results, indent=1, allow_nan=False) + "\n")
    picture.draw(results, DOCS / "faults.png")
    write_text(DOCS / "faults.md", in_words(results, rows))


def summary_of(rows: Rows) -> str:
    """Words the figures of some rows, a line a world."""
    return "\n".join(
        f"{name}: of {each['hurting_runs']} runs whose fault hurts {_share(each['top1'])} are named first, "
        f"{_share(each['recall'])} at all; {each['near_misses_silent']} of {each['near_misses']} near misses left alone"
        for name, each in score(rows)["summary"].items()
    )


def in_words(results: Mapping[str, Any], rows: Rows) -> str:
    """Returns the page.

    Args:
      results: as `bench/faults.json` holds them.
      rows: for the public cases and for the time that all took.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    environment.filters |= {
        "share": _share,
        "within": lambda interval: f" ({_percent(*interval)} %)" if interval else "",
        "number": lambda value: "-" if value is None else f"{value:.2f}",
        "times": lambda change: "-" if change is None else f"x {math.exp(change):.2f}",
        "points": lambda change: "-" if change is None else f"{100 * change:+.1f}",
        "strength": lambda number, fault: _strength(FAULTS[fault].strengths[number - 1]),
    }
    cases = sorted((row for row in rows if row["kind"] == CASE), key=lambda row: row["strength"])
    sound = [run for run in results["runs"].values() if run["fault"] == SOUND]
    seconds = [sum(row.get(what, 0) for row in rows) for what in ("train_seconds", "diagnose_seconds")]
    return environment.get_template("page.md.jinja").render(
        results,
        faults=FAULTS,
        left=_left(rows),
        parts=(DEVELOPMENT, TEST),
        by_fault=_by_fault(results["runs"].values()),
        sound_worlds=[name for name in WORLDS if any(run["world"] == name for run in sound)],
        sound={
            name: Counter(run["world"] for run in sound if name in run["named"])
            for name in sorted({name for run in sound for name in run["named"]})
        },
        cases=[(CASES[row["strength"]], row["named"]) for row in cases],
        earlier=history.EARLIER,
        runs=len(rows),
        train_minutes=round(seconds[0] / 60),
        diagnose_minutes=round(seconds[1] / 60),
    )


def _is_test(name: str) -> bool:
    return name in WORLDS and WORLDS[name].part == TEST


def _left(rows: Rows) -> dict[str, tuple[int, int]]:
    """Returns, for each part that is not complete, how many of its runs are done and how many are planned."""
    counts = {}
    for part in (DEVELOPMENT, TEST):
        planned = len(plan(worlds_of(part)))
        done = sum(WORLDS[row["world"]].part == part for row in rows)
        if done < planned:
            counts[part] = (done, planned)
    return counts


def _by_fault(runs: Any) -> list[dict[str, Any]]:
    """Counts, fault by fault, the judged runs whose fault hurts."""
    hurting = defaultdict(list)
    for run in runs:
        if run["hurts"]:
            hurting[run["fault"]].append(run)
    lines = []
    for name, fault in FAULTS.items():
        first = Counter(run["causes"][0] if run["causes"] else "nothing" for run in hurting[name])
        lines.append(
            {
                "fault": fault,
                "runs": len(hurting[name]),
                "first": sum(run["first"] for run in hurting[name]),
                "right": sum(run["right"] for run in hurting[name]),
                "named_first": ", ".join(f"{cause} {count}" for cause, count in first.most_common()),
            }
        )
    return lines


def _share(value: float | None, interval: Sequence[float] | None = None) -> str:
    if value is None:
        return "-"
    return f"{100 * value:.0f} %" + (f" ({_percent(*interval)})" if interval else "")


def _percent(low: float, high: float) -> str:
    return f"{100 * low:.0f} to {100 * high:.0f}"


def _strength(strength: Any) -> str:
    if isinstance(strength, tuple):
        return " ".join(_strength(each) for each in strength if each is not None)
    return f"{strength:g}" if isinstance(strength, (int, float)) else str(strength)
