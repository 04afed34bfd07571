"""What a study says while it runs: a bar with the time left, and a line for each arm that is done."""

import pathlib
from collections.abc import Sequence
from types import TracebackType

from tqdm import tqdm

from dogjax.files import read_json_lines
from dogjax.study.execute import ENDED, run_folder, status_of
from dogjax.study.plan import PlannedRun
from dogjax.train.run import Run


class LiveTable:
    """A bar over the epochs of all runs; when the last run of an arm ends, its accuracies are printed above it.

    Args:
      runs: of this process.
      workdir: of the study.
    """

    def __init__(self, runs: Sequence[PlannedRun], workdir: pathlib.Path) -> None:
        self._workdir = workdir
        self._ahead = {
            name: {run.name for run in runs if run.arm == name} for name in dict.fromkeys(run.arm for run in runs)
        }
        self._accuracies: dict[str, list[float]] = {name: [] for name in self._ahead}
        done = 0
        for run in runs:
            folder = run_folder(workdir, run)
            ended = status_of(folder) in ENDED
            done += run.config.train.epochs if ended else len(read_json_lines(folder / "metrics.jsonl"))
            if ended:
                self._end(run.arm, run.name)
        total = sum(run.config.train.epochs for run in runs)
        self._bar = tqdm(total=total, initial=done, desc=f"{len(runs)} runs", unit=" epochs", disable=None)

    def __enter__(self) -> "LiveTable":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.close()

    def update(self, run: Run) -> None:
        """Counts an epoch of a run."""
        self._bar.update()
        name = run.workdir.path.name
        self._bar.set_postfix_str(f"{name}: accuracy {run.metrics[-1]['validation']['accuracy']:.1%}")
        if len(run.metrics) == run.experiment.config.train.epochs:
            self._end(name.split("-")[0], name)

    def _end(self, arm: str, name: str) -> None:
        lines = read_json_lines(self._workdir / "runs" / name / "metrics.jsonl")
        if lines:
            self._accuracies[arm].append(lines[-1]["validation"]["accuracy"])
        self._ahead[arm].discard(name)
        found = self._accuracies[arm]
        if not self._ahead[arm] and found:
            tqdm.write(
                f"{arm}: {len(found)} runs, accuracy {min(found):.1%} to {max(found):.1%}, "
                f"mean {sum(found) / len(found):.1%}"
            )
