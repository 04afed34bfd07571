"""The full evaluation of a checkpoint: intervals, calibration, groups, votes."""

from typing import Any

import numpy as np
from tqdm import tqdm

from dogjax.errors import UserError
from dogjax.eval.evaluate import evaluate
from dogjax.train.checkpoints import Checkpoints
from dogjax.train.experiment import Experiment, build_experiment
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
    )


def evaluate_workdir(workdir: Workdir) -> None:
    """Evaluates the newest checkpoint of the run in `workdir`, and writes `evaluation.json`.

    Raises:
      UserError: the folder holds no run, or no checkpoint, or another process is at work in it.
    """
    config = workdir.saved_config()
    with workdir.locked():
        experiment = build_experiment(config)
        steps_per_epoch = experiment.pipeline.steps_per_epoch
        checkpoints = Checkpoints(workdir.path / "checkpoints", config.train.keep)
        try:
            state, _, notes = checkpoints.restore(experiment.initial_state(), config.train.epochs * steps_per_epoch)
        finally:
            checkpoints.close()
        for note in notes:
            tqdm.write(note)
        if state is None:
            raise UserError(f"--workdir={workdir.path}: holds no checkpoint yet; train first")
        epoch = int(state.step) // steps_per_epoch
        logits = experiment.validation_logits(experiment.devices.replicate(state.evaluated), max(epoch - 1, 0))
        evaluation = {"epoch": epoch, "step": int(state.step), **evaluate_logits(experiment, logits)}
        workdir.write("evaluation.json", evaluation)
