"""The full evaluation of a checkpoint: intervals, calibration, groups, votes."""

from typing import Any

import numpy as np

from dogjax.config import Config
from dogjax.errors import UserError
from dogjax.eval.evaluate import evaluate
from dogjax.train.checkpoints import Checkpoints
from dogjax.train.experiment import Experiment, build_experiment
from dogjax.train.resume import restore_state
from dogjax.train.workdir import Workdir


def evaluate_logits(experiment: Experiment, logits: np.ndarray) -> dict[str, Any]:
    """The statistics in `evaluation.json`, for logits float32 `[validation frames, classes]`."""
    frames = experiment.validation
    return evaluate(
        logits,
        frames.label,
        recordings=frames.recording,
        backgrounds=frames.background,
        times=frames.time,
        label_names=frames.label_names,
        # The bootstrap resamples what the split put in validation, so its draws are that stream's.
        rng=experiment.streams.numpy("split", 2),
        block_seconds=experiment.split.block_seconds,
    )


def evaluate_workdir(workdir: Workdir, config: Config | None) -> None:
    """Evaluates the newest checkpoint of the run in `workdir`, and writes `evaluation.json`.

    Args:
      workdir: of the run.
      config: the run's configuration, where its data may lie elsewhere by now; null: as it was trained.

    Raises:
      UserError: the folder holds no run, another one, or no checkpoint; its data are not the same any
        more; or another process is at work in it.
    """
    saved = workdir.saved_config()
    if config is not None:
        workdir.check_config(config)
    with workdir.locked():
        experiment = build_experiment(config or saved)
        steps_per_epoch = experiment.pipeline.steps_per_epoch
        checkpoints = Checkpoints(workdir.path / "checkpoints", saved.train.keep)
        try:
            state, _ = restore_state(experiment, checkpoints, saved.train.epochs * steps_per_epoch)
        finally:
            checkpoints.close()
        if state is None:
            raise UserError(f"--workdir={workdir.path}: holds no checkpoint yet; train first")
        step = int(state.step)
        network = experiment.evaluated(state.evaluated)
        (logits,) = experiment.validation_logits(max(step // steps_per_epoch - 1, 0), network)
        evaluation = {"epoch": step // steps_per_epoch, "step": step, **evaluate_logits(experiment, logits)}
        workdir.write("evaluation.json", evaluation)
