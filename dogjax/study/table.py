"""What a study says while it runs: a bar with the time left, and a line for each arm that is done."""

import pathlib
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from tqdm import tqdm

from dogjax.files import read_json_lines
from dogjax.study.execute import run_folder
from dogjax.study.plan import PlannedRun
from dogjax.train.run import Run


class LiveTable:
    """A bar over the epochs of all runs; when the last run of an arm ends, its accuracies are printed above it.

    Args:
      runs: of this process.
      workdir: of the study.
    """

    def __init__(self, runs: Sequence[PlannedRun], workdir: pathlib.Path) -> None:
        self._runs = {run.name: run for run in runs}
        self._accuracies: dict[str, float] = {}
        self._epochs = {run.name: 0 for run in runs}
        total = sum(run.config.train.epochs for run in runs)
        self._bar = tqdm(total=total, desc=f"{len(runs)} runs", unit=" epochs", disable=None)
        for run in runs:
            if lines := read_json_lines(run_folder(workdir, run) / "metrics.jsonl"):
                self._count(run.name, lines)
        self._bar.initial = self._bar.n  # no speed is made up of what was there before

    def __enter__(self) -> "LiveTable":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.close()

    def update(self, run: Run) -> None:
        """Shows the run's newest epoch."""
        self._count(run.workdir.path.name, run.metrics)

    def _count(self, name: str, metrics: list[dict[str, Any]]) -> None:
        accuracy = metrics[-1]["validation"]["accuracy"]
        # By what is there, not one by one: the run that is killed on its way trains in a process of its own.
        self._bar.update(len(metrics) - self._epochs[name])
        self._bar.set_postfix_str(f"{name}: accuracy {accuracy:.1%}")
        self._epochs[name] = len(metrics)
        if len(metrics) == self._runs[name].config.train.epochs:
            self._accuracies[name] = accuracy
            self._say_if_done(self._runs[name].arm)

    def _say_if_done(self, arm: str) -> None:
        names = [name for name, run in self._runs.items() if run.arm == arm]
        found = [self._accuracies[name] for name in names if name in self._accuracies]
        if len(found) == len(names):
            tqdm.write(
                f"{arm}: {len(found)} runs, accuracy {min(found):.1%} to {max(found):.1%}, "
                f"mean {sum(found) / len(found):.1%}"
            )
