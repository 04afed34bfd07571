"""The log of all runs of the test worlds: what was found, with which thresholds, at which commit."""

import datetime
import pathlib
import subprocess
from collections.abc import Sequence
from typing import Any

# Rounds of the bench of planted causes, before there were test worlds. Thresholds or plants changed after each, and all
# rounds shared one world, so these figures are of development.
EARLIER = tuple(
    {"seeds": seeds, "named_first": first, "of": 16, "then": then}
    for seeds, first, then in (
        ("100, 101", 13, "nothing changed"),
        ("200, 201", 10, "overconfidence and label noise were planted more strongly"),
        ("300, 301", 14, "a curve is calm below a volatility of .1, not .15"),
        ("400, 401", 15, "steps are too long if their loss is lowest after less than two of them, not after two"),
        ("500, 501", 15, "intervals of few groups were widened, and the border probe was balanced over dogs"),
        ("600, 601", 14, "a small validation set is named last"),
        ("700, 701", 15, "nothing; of two sound runs, one was told that its validation set is small"),
    )
)


def noted(
    log: Sequence[dict[str, Any]], summary: dict[str, Any], thresholds: list[str], code: list[str]
) -> list[dict[str, Any]]:
    """Returns the log with a line for a run of test worlds; the same run, scored again, gets none.

    Args:
      log: the lines so far.
      summary: figures by world and part.
      thresholds: the hashes that stand in the diagnoses.
      code: the hashes of the code that made them.
    """
    kept = ("fault_runs", "hurting_runs", "top1", "recall", "precision", "f3", "sound_runs", "sound_accused")
    figures = {name: {key: each[key] for key in kept} for name, each in summary.items()}
    line = {"thresholds": thresholds, "code": code, "figures": figures}
    if any(all(old[key] == value for key, value in line.items()) for old in log):
        return list(log)
    return [*log, {"date": datetime.date.today().isoformat(), "commit": _commit(), **line}]


def _commit() -> str | None:
    """Returns the commit that is checked out, or None outside a repository."""
    command = ["git", "-C", str(pathlib.Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None
