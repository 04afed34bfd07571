"""What became of a run of a study, read from its folder alone."""

import dataclasses
import functools
import pathlib
from typing import Any

import numpy as np

from dogjax.errors import UserError
from dogjax.eval.curves import von_neumann_volatility
from dogjax.eval.predictions import Predictions, read_predictions
from dogjax.files import read_json, read_json_lines
from dogjax.models.network import count_parameters
from dogjax.study.execute import KILLED_MARK, has_ended, run_folder
from dogjax.study.plan import PlannedRun


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A run that has ended.

    Attributes:
      run: as it was planned.
      folder: of the run.
      status: `finished` or `diverged`.
      state_sha256: of its last state; null where it diverged.
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

    # Epochs are the study's: an arm that trains longer is looked at after the same share of its training.

    def accuracy(self, epoch: int) -> float:
        """Validation accuracy after `epoch` epochs of the study."""
        return self.metrics[self._own(epoch) - 1]["validation"]["accuracy"]

    def loss(self, epoch: int) -> float:
        """Validation loss after `epoch` epochs of the study."""
        return self.metrics[self._own(epoch) - 1]["validation"]["loss"]

    def _own(self, epoch: int) -> int:
        return max(1, round(epoch * self.run.config.train.epochs / self.run.study_epochs))

    @functools.cached_property
    def volatility(self) -> float | None:
        """Von Neumann volatility of the whole validation curve, from one epoch of the study to the next."""
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
        """What two finished runs of one identity have in common."""
        return self.state_sha256, (self.folder / "metrics.jsonl").read_bytes()


def read_outcomes(workdir: pathlib.Path, runs: list[PlannedRun]) -> tuple[list[Outcome], list[str]]:
    """The outcomes of the runs that have ended, and the names of those that have not."""
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
