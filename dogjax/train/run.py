"""One run: begin or resume, do what every epoch needs, save, evaluate, and write the result."""

import contextlib
import resource
import time
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from dogjax import runtime
from dogjax.config import Config, to_dict
from dogjax.data.audit import describe_split
from dogjax.data.table import FrameTable
from dogjax.errors import Diverged, UserError
from dogjax.eval.curves import von_neumann_volatility
from dogjax.eval.evaluate import evaluate, summarise
from dogjax.eval.metrics import score_frames
from dogjax.eval.predictions import write_predictions
from dogjax.train.checkpoints import Checkpoints, resume
from dogjax.train.experiment import Experiment, build_experiment
from dogjax.train.identity import environment, extend_segments, make_identity
from dogjax.train.state import TrainState, state_sha256, write_weights, zero_sums
from dogjax.train.workdir import TensorBoard, Workdir


@contextlib.contextmanager
def open_run(experiment: Experiment, workdir: Workdir) -> Iterator["Run"]:
    """Opens the run of `experiment` in a locked `workdir`, at its newest checkpoint or at its start."""
    checkpoints = Checkpoints(workdir.path / "checkpoints", experiment.config.train.keep)
    run = None
    try:
        run = Run(experiment, workdir, checkpoints)
        yield run
    finally:
        checkpoints.close()
        if run is not None:
            run.close()


class Run:
    """Everything that a run does besides its pure step. The constructor only reads.

    Raises:
      UserError: the folder holds a run on other data, or no sound checkpoint is left.
    """

    def __init__(self, experiment: Experiment, workdir: Workdir, checkpoints: Checkpoints) -> None:
        self.experiment = experiment
        self.workdir = workdir
        self.checkpoints = checkpoints
        self.steps_per_epoch = experiment.pipeline.steps_per_epoch
        metrics = workdir.read_metrics()
        # An epoch whose metrics are missing must be trained again.
        last_step = (len(metrics) + 1) * self.steps_per_epoch - 1
        restored, self.segments, self._notes = resume(experiment, checkpoints, last_step)
        self.resumes = restored is not None
        self.state = experiment.initial_state() if restored is None else restored
        self.step = int(self.state.step)
        self.metrics = metrics[: self.step // self.steps_per_epoch]
        # Nothing is left to do, nor to write: another environment would evaluate other bits.
        self.is_finished = self.step == self.steps and workdir.has_finished(self.step)
        self._losses: list[tuple[int, jax.Array]] = []
        self._tensorboard: TensorBoard | None = None

    def begin(self) -> list[str]:
        """Writes what the run is made of, and brings its files to the state that it goes on from.

        Returns:
          Sentences that the user should read.
        """
        config, workdir = self.experiment.config, self.workdir
        split = describe_split(self.experiment.table, self.experiment.split, config.split)
        workdir.write("config.json", to_dict(config))
        workdir.write("dataset.json", self.experiment.prepared.describe())
        workdir.write("split.json", split)
        workdir.write_metrics(self.metrics)
        self._identify()
        self._tensorboard = TensorBoard(workdir.path / "tensorboard", self.metrics)
        notes = self._notes + [f"split audit: {warning}" for warning in split["audit"]["warnings"]]
        if doubt := runtime.doubt_of_determinism():
            notes.append(doubt)
        digest = state_sha256(self.state)
        if not self.is_finished:
            self._write_result("running", self.step, digest)
        if self.resumes:
            notes.append(f"resuming at step {self.step}, after {len(self.metrics)} epochs")
            self.checkpoints.drop_best_after(self.step)
            if self.step == (best_epoch(self.metrics) or 0) * self.steps_per_epoch:
                self._save(digest, best=True)  # the kill may have come between its two copies
        return notes

    def close(self) -> None:
        """Closes the event files of TensorBoard."""
        if self._tensorboard:
            self._tensorboard.close()

    def note_environment(self) -> list[str]:
        """Adds the environment of the next steps to the identity, if it differs from the last one.

        Returns:
          Sentences that the user should read.
        """
        now = environment(self.experiment.pipeline.kind)
        segments, changed = extend_segments(self.segments, self.step, now)
        if segments != self.segments:
            self.segments = segments
            self._identify()
        if not changed:
            return []
        return [
            f"{self.workdir.path}: the environment changed at step {self.step} ({', '.join(changed)}): the run goes "
            "on, but no run in one environment has its bits"
        ]

    def _identify(self) -> None:
        self.workdir.write("environment.json", {"segments": self.segments})
        self.identity = make_identity(
            self.experiment.config, self.experiment.prepared.fingerprint, self.experiment.split_sha256, self.segments
        )

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self.experiment.config.train.epochs * self.steps_per_epoch

    def take(self, state: TrainState, losses: jax.Array) -> None:
        """Takes over the result of some steps. The device never waits: `check_losses` reads the losses later."""
        self._losses.append((self.step, losses))
        self.state, self.step = state, self.step + len(losses)

    def check_losses(self) -> None:
        """Waits for the losses of all steps taken, and checks them.

        They are not checked as they arrive: the step at which a run then ends would depend on timing, and from there
        another number of runs would train side by side.

        Raises:
          Diverged: one is not finite.
        """
        taken, self._losses = self._losses, []
        for first, losses in taken:
            for step, loss in enumerate(np.asarray(losses), first):
                if not np.isfinite(loss):
                    self._diverge(step, f"the training loss is {float(loss)}")

    def _diverge(self, step: int, what: str) -> None:
        ids = self.experiment.table.ids(self.experiment.pipeline.train_frames(step))
        good = self.checkpoints.latest_step()
        epoch = step // self.steps_per_epoch + 1
        report = {"what": what, "step": step, "epoch": epoch, "frames": ids, "last_good_checkpoint": good}
        self.workdir.write("nonfinite.json", report)
        # Without the state: how far it went beyond that step depends on when the losses were checked.
        self._write_result("diverged", step, None)
        raise Diverged(
            f"{what} at step {step} (epoch {epoch}), on the batch {', '.join(ids[:3])}, ... "
            f"(all {len(ids)} in nonfinite.json); "
            + (f"the last good checkpoint is step {good}; " if good is not None else "no checkpoint was saved before; ")
            + "lower optim.learning_rate or set optim.clip_norm, in a new workdir"
        )

    def finish_epoch(self) -> None:
        """Validates, writes the epoch's files, and saves.

        Raises:
          Diverged: the validation logits are not finite.
        """
        epoch, frames = len(self.metrics), self.experiment.validation
        sums = {name: float(value) for name, value in jax.device_get(self.state.sums).items()}
        network = self.experiment.evaluated(self.state.evaluated)
        networks = [network]
        if self.experiment.has_running_statistics:
            networks.append(self.experiment.precise(network))
        validation = self.experiment.validation_logits(epoch, *networks)
        training = self.experiment.clean_training_logits(*networks)
        for side, of_networks in (("validation", validation), ("clean training", training)):
            for each, how in zip(of_networks, ("", " with BatchNorm's statistics measured anew")):
                if not np.all(np.isfinite(each)):
                    self._diverge(self.step - 1, f"the {side} logits{how} are not finite")
        logits = validation[0]
        line = {
            "epoch": epoch + 1,
            "step": self.step,
            "train": {"loss": sums["loss"] / sums["frames"], "accuracy": sums["correct"] / sums["frames"]},
            "train_clean": _scored(training, self.experiment.clean_training),
            "validation": self._validation(validation),
            "constant_loss": self.experiment.constant_loss,
        }
        self.metrics.append(line)
        self.state = self.state.replace(sums=self.experiment.devices.replicate(zero_sums()))
        if self.experiment.config.train.keep_weights:
            write_weights(self.workdir.path, epoch + 1, network)
        write_predictions(self.workdir.path, epoch + 1, frames.frame_id, frames.label, logits)
        self.workdir.write_metrics(self.metrics)
        assert self._tensorboard is not None  # begin() comes first
        self._tensorboard.write(line)
        digest = state_sha256(self.state)
        self._write_result("running", self.step, digest)
        best = best_epoch(self.metrics) == epoch + 1
        if best or (epoch + 1) % self.experiment.config.train.checkpoint_every_epochs == 0:
            self._save(digest, best=best)

    def _validation(self, logits: list[np.ndarray]) -> dict[str, Any]:
        """Returns the epoch's `validation` object."""
        frames = self.experiment.validation
        summary = summarise(logits[0], frames.label, frames.background, frames.label_names)
        return {
            **_scored(logits, frames),
            "commonest": float(np.bincount(logits[0].argmax(axis=1)).max() / len(frames)),
            "by_label": summary["by_label"],
            "by_background": summary["by_background"],
        }

    def stop(self) -> None:
        """Saves the run where it stands.

        Raises:
          Diverged: a parameter is not finite.
        """
        if not all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(jax.device_get(self.state.params))):
            self._diverge(self.step, "a parameter is not finite")  # the step whose loss would say so
        digest = state_sha256(self.state)
        self._save(digest, best=False)
        self.checkpoints.wait()
        self._write_result("stopped", self.step, digest)

    def finish(self) -> None:
        """Saves and evaluates the last state."""
        digest = state_sha256(self.state)
        self._save(digest, best=False)
        self.checkpoints.wait()
        network = self.experiment.evaluated(self.state.evaluated)
        (logits,) = self.experiment.validation_logits(len(self.metrics) - 1, network)
        evaluation = evaluate_logits(self.experiment, logits)
        self.workdir.write("evaluation.json", {"epoch": len(self.metrics), "step": self.step, **evaluation})
        self._write_result("finished", self.step, digest)

    def _save(self, digest: str, *, best: bool) -> None:
        self.checkpoints.save(self.state, digest, self.identity, best=best)

    def _write_result(self, status: str, step: int, digest: str | None) -> None:
        result = describe_result(status, step, self.metrics, self.identity["sha256"], digest)
        self.workdir.write("result.json", result)

    def frames_seen(self) -> float:
        """Returns the number of frames trained on in this epoch."""
        return float(jax.device_get(self.state.sums["frames"]))

    def note_progress(self, seconds: float, frames: float) -> None:
        """Adds the time that some frames of this epoch took to `progress.jsonl`."""
        self.workdir.append_progress(
            {
                "time": time.time(),
                "epoch": len(self.metrics) + 1,
                "step": self.step,
                "train_seconds": seconds,
                "frames_per_second": frames / seconds,
                "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )


def _scored(logits: list[np.ndarray], frames: FrameTable) -> dict[str, Any]:
    """Returns `loss` and `accuracy` by the first logits, and `loss_precise_bn` by the last: the first, if alone."""
    scores = [score_frames(each, frames.label) for each in logits]
    return {"loss": scores[0].loss, "accuracy": scores[0].accuracy, "loss_precise_bn": scores[-1].loss}


def best_epoch(metrics: list[dict[str, Any]]) -> int | None:
    """Returns the number, from 1, of the epoch with the lowest validation loss; None before the first."""
    losses = [line["validation"]["loss"] for line in metrics]
    return int(np.argmin(losses)) + 1 if losses else None


def describe_result(
    status: str, step: int, metrics: list[dict[str, Any]], identity: str, digest: str | None
) -> dict[str, Any]:
    """Describes a run in the form of `result.json`.

    Args:
      status: `running`, `stopped`, `finished` or `diverged`.
      step: batches seen; of a run that diverged, those before the first bad one.
      metrics: the lines of `metrics.jsonl`.
      identity: SHA-256 of the run's identity.
      digest: SHA-256 of the state; None for a run that diverged.
    """
    best = best_epoch(metrics)
    return {
        "status": status,
        "epoch": len(metrics),
        "step": step,
        "identity": identity,
        "state_sha256": digest,
        "validation": {
            "final": metrics[-1]["validation"] if metrics else None,
            "best": {"epoch": best, **metrics[best - 1]["validation"]} if best else None,
        },
        "volatility": von_neumann_volatility(np.array([line["validation"]["loss"] for line in metrics])),
    }


def evaluate_logits(experiment: Experiment, logits: np.ndarray) -> dict[str, Any]:
    """Computes the statistics in `evaluation.json` from logits float32 `[validation frames, classes]`."""
    frames = experiment.validation
    return evaluate(
        logits,
        frames.label,
        recordings=frames.recording,
        backgrounds=frames.background,
        times=frames.time,
        label_names=frames.label_names,
        rng=experiment.streams.split_generator("evaluation"),
        block_seconds=experiment.split.block_seconds,
    )


def evaluate_workdir(workdir: Workdir, config: Config | None) -> None:
    """Evaluates the newest checkpoint of the run in `workdir`, and writes `evaluation.json`.

    Args:
      workdir: of the run.
      config: the run's configuration, where its data lie elsewhere by now; None: as it was trained.

    Raises:
      UserError: the folder holds no run, another one, or no checkpoint; its data have changed; or another process uses
        it.
    """
    saved = workdir.saved_config()
    if config is not None:
        workdir.check_config(config)
    with workdir.locked():
        experiment = build_experiment(config or saved)
        steps_per_epoch = experiment.pipeline.steps_per_epoch
        checkpoints = Checkpoints(workdir.path / "checkpoints", saved.train.keep)
        try:
            state, _, notes = resume(experiment, checkpoints, saved.train.epochs * steps_per_epoch)
        finally:
            checkpoints.close()
        for note in notes:
            tqdm.write(note)
        if state is None:
            raise UserError(f"--workdir={workdir.path}: holds no checkpoint yet; train first")
        step = int(state.step)
        network = experiment.evaluated(state.evaluated)
        (logits,) = experiment.validation_logits(max(step // steps_per_epoch - 1, 0), network)
        evaluation = {"epoch": step // steps_per_epoch, "step": step, **evaluate_logits(experiment, logits)}
        workdir.write("evaluation.json", evaluation)
