"""What became of a run of a study, read from its folder alone."""

import dataclasses
import functools
import pathlib
from typing import Any

import numpy as np

from dogjax.eval.curves import von_neumann_volatility
from dogjax.eval.predictions import Predictions, read_predictions
from dogjax.files import read_json, read_json_lines
from dogjax.study.execute import KILLED_MARK, has_ended, run_folder
from dogjax.study.plan import PlannedRun


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A run that has ended.

    Attributes:
      run: as it was planned.
      folder: of the run.
      status: `finished` or `diverged`.
      state_sha256: of its last state.
      metrics: the lines of `metrics.jsonl`.
      was_killed: whether it was killed and resumed.
    """

    run: PlannedRun
    folder: pathlib.Path
    status: str
    state_sha256: str
    metrics: list[dict[str, Any]]
    was_killed: bool

    @property
    def finished(self) -> bool:
        """False for a run that diverged."""
        return self.status == "finished"

    def accuracy(self, epoch: int) -> float:
        """Validation accuracy after `epoch` epochs."""
        return self.metrics[epoch - 1]["validation"]["accuracy"]

    def loss(self, epoch: int) -> float:
        """Validation loss after `epoch` epochs."""
        return self.metrics[epoch - 1]["validation"]["loss"]

    @functools.cached_property
    def volatility(self) -> float | None:
        """Von Neumann volatility of the whole validation curve."""
        return von_neumann_volatility(np.array([line["validation"]["loss"] for line in self.metrics]))

    def predictions(self, epoch: int) -> Predictions:
        """Logits of its validation frames after `epoch` epochs."""
        return read_predictions(self.folder, epoch)

    def bits(self) -> tuple[str, bytes]:
        """What two runs of one identity have in common."""
        return self.state_sha256, (self.folder / "metrics.jsonl").read_bytes()


def read_outcomes(workdir: pathlib.Path, runs: list[PlannedRun]) -> tuple[list[Outcome], list[str]]:
    """The outcomes of the runs that have ended, and the names of those that have not."""
    ended = [run for run in runs if has_ended(workdir, run)]
    return [_read(run, run_folder(workdir, run)) for run in ended], [run.name for run in runs if run not in ended]


def _read(run: PlannedRun, folder: pathlib.Path) -> Outcome:
    result = read_json(folder / "result.json")
    return Outcome(
        run=run,
        folder=folder,
        status=result["status"],
        state_sha256=result["state_sha256"],
        metrics=read_json_lines(folder / "metrics.jsonl"),
        was_killed=(folder / KILLED_MARK).exists(),
    )
