"""Reads how the runs of a study ended, from their folders alone, and shows how those that train go on."""

import dataclasses
import functools
import pathlib
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import numpy as np
from tqdm import tqdm

from dogjax.errors import UserError
from dogjax.eval.curves import von_neumann_volatility
from dogjax.eval.predictions import Predictions, read_predictions
from dogjax.files import read_json, read_json_lines
from dogjax.models.network import count_parameters
from dogjax.study.execute import KILLED_MARK, has_ended, run_folder
from dogjax.study.plan import PlannedRun
from dogjax.train.run import Run


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Holds a run that has ended.

    Attributes:
      run: as it was planned.
      folder: of the run.
      status: `finished` or `diverged`.
      state_sha256: of its last state; None if it diverged.
      metrics: the lines of `metrics.jsonl`.
      was_killed: whether it was killed and resumed.
      parameters: of the network.
    """

    run: PlannedRun
    folder: pathlib.Path
    status: str
    state_sha256: str | None
    metrics: list[dict[str, Any]]
    was_killed: bool
    parameters: int

    @property
    def finished(self) -> bool:
        """False for a run that diverged."""
        return self.status == "finished"

    # Epochs are the study's: an arm that trains longer is measured after the same share of its training.

    def accuracy(self, epoch: int) -> float:
        """Returns the validation accuracy after `epoch` epochs of the study."""
        return self.metrics[self._own(epoch) - 1]["validation"]["accuracy"]

    def loss(self, epoch: int) -> float:
        """Returns the validation loss after `epoch` epochs of the study."""
        return self.metrics[self._own(epoch) - 1]["validation"]["loss"]

    def _own(self, epoch: int) -> int:
        return max(1, round(epoch * self.run.config.train.epochs / self.run.study_epochs))

    @functools.cached_property
    def volatility(self) -> float | None:
        """Returns the von Neumann volatility of the whole validation curve, from one epoch of the study to the next."""
        epochs = {self._own(epoch) for epoch in range(1, self.run.study_epochs + 1)}
        seen = [line["validation"]["loss"] for line in self.metrics if line["epoch"] in epochs]
        return von_neumann_volatility(np.array(seen))

    def predictions(self, epoch: int) -> Predictions:
        """Reads the logits of its validation frames after `epoch` epochs of the study.

        Raises:
          UserError: they are damaged, or not there any more.
        """
        try:
            return read_predictions(self.folder, self._own(epoch))
        except (FileNotFoundError, UserError) as error:
            raise UserError(
                f"{self.folder}: the predictions of epoch {self._own(epoch)} are damaged or missing; remove this "
                "folder, and --mode=study trains the run again"
            ) from error

    def bits(self) -> tuple[str | None, bytes]:
        """Returns what is equal in two finished runs of one identity."""
        return self.state_sha256, (self.folder / "metrics.jsonl").read_bytes()


def read_outcomes(workdir: pathlib.Path, runs: list[PlannedRun]) -> tuple[list[Outcome], list[str]]:
    """Reads the outcomes of the runs that have ended, and the names of those that have not."""
    ended = [run for run in runs if has_ended(workdir, run)]
    return [_read(run, run_folder(workdir, run)) for run in ended], [run.name for run in runs if run not in ended]


def _read(run: PlannedRun, folder: pathlib.Path) -> Outcome:
    result, labels = read_json(folder / "result.json"), read_json(folder / "split.json")["audit"]["train"]["labels"]
    return Outcome(
        run=run,
        folder=folder,
        status=result["status"],
        state_sha256=result["state_sha256"],
        metrics=read_json_lines(folder / "metrics.jsonl"),
        was_killed=(folder / KILLED_MARK).exists(),
        parameters=count_parameters(run.config.model, run.config.data.image_size, len(labels)),
    )


class LiveTable:
    """Shows a bar over the epochs of all runs, and prints the accuracies of an arm when its last run ends.

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
