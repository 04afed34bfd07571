"""One run: train or resume, look after every epoch, save, and say what came out."""

import collections
import resource
import time
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from dogjax.config import Config, to_dict
from dogjax.data.audit import describe_split
from dogjax.errors import UserError
from dogjax.eval.curves import von_neumann_volatility
from dogjax.eval.evaluate import summarise
from dogjax.eval.predictions import write_predictions
from dogjax.train.checkpoints import Checkpoints
from dogjax.train.evaluation import evaluate_logits
from dogjax.train.experiment import Experiment, build_experiment
from dogjax.train.identity import extend_segments, make_identity
from dogjax.train.interrupt import Interrupt
from dogjax.train.state import TrainState, state_sha256, zero_sums
from dogjax.train.tensorboard import TensorBoard
from dogjax.train.workdir import Workdir


class NonFinite(UserError):
    """The loss is not a number any more."""


def train(config: Config, workdir: Workdir) -> int:
    """Trains the run in `workdir`, or resumes it, and returns the exit status.

    Raises:
      UserError: the folder, the data or the configuration do not allow the run; or the loss became
        infinite or not a number.
    """
    with workdir.locked():
        workdir.check_config(config)
        experiment = build_experiment(config)
        audit = describe_split(experiment.table, experiment.split, config.split)
        workdir.write("config.json", to_dict(config))
        workdir.write("dataset.json", experiment.prepared.describe())
        workdir.write("split.json", audit)
        for warning in audit["audit"]["warnings"]:
            tqdm.write(f"split audit: {warning}")
        checkpoints = Checkpoints(workdir.path / "checkpoints", config.train.keep)
        try:
            run = Run(experiment, workdir, checkpoints, audit["sha256"])
            with Interrupt() as interrupt:
                return run.complete(interrupt)
        finally:
            checkpoints.close()


class Run:
    """The effects of a run around its pure step."""

    def __init__(self, experiment: Experiment, workdir: Workdir, checkpoints: Checkpoints, split_sha256: str) -> None:
        self.experiment = experiment
        self.workdir = workdir
        self.checkpoints = checkpoints
        self.steps_per_epoch = experiment.pipeline.steps_per_epoch
        self.metrics = workdir.read_metrics()
        self.state, segments = self._restore(split_sha256)
        self.metrics = self.metrics[: self.step // self.steps_per_epoch]
        workdir.write_metrics(self.metrics)
        segments, changed = extend_segments(segments, self.step)
        if changed:
            tqdm.write(
                f"the environment changed since the checkpoint ({', '.join(changed)}): the run goes on, "
                "but its bits are those of no run in one environment"
            )
        workdir.write("environment.json", {"segments": segments})
        self.identity = make_identity(experiment.config, experiment.prepared.fingerprint, split_sha256, segments)
        self.tensorboard = TensorBoard(workdir.path / "tensorboard", self.metrics)

    @property
    def step(self) -> int:
        """Steps taken."""
        return int(self.state.step)

    def complete(self, interrupt: Interrupt) -> int:
        """Trains to the last epoch, or until a signal or `train.max_minutes`; the exit status."""
        train = self.experiment.config.train
        deadline = time.monotonic() + train.max_minutes * 60 if train.max_minutes else float("inf")
        last = train.epochs * self.steps_per_epoch
        batches = self.experiment.devices.prefetch(
            self.experiment.pipeline.train_batches(self.step, last), ("image", "label")
        )
        with tqdm(total=train.epochs, initial=len(self.metrics), desc="training", unit=" epochs", disable=None) as bar:
            while self.step < last:
                if not self._train_epoch(batches, interrupt, deadline):
                    return self._stop(interrupt)
                self._finish_epoch()
                bar.update()
                bar.set_postfix_str(_curve_text(self.metrics[-1]))
                if bar.disable:
                    print(f"epoch {len(self.metrics)} of {train.epochs}: {_curve_text(self.metrics[-1])}", flush=True)
        return self._finish()

    def _restore(self, split_sha256: str) -> tuple[TrainState, list[dict[str, Any]]]:
        template = self.experiment.initial_state()
        # An epoch whose metrics are missing must be trained again.
        last_step = (len(self.metrics) + 1) * self.steps_per_epoch - 1
        state, identity, notes = self.checkpoints.restore(template, last_step)
        for note in notes:
            tqdm.write(note)
        if state is None:
            return template, []
        if (identity["data"], identity["split"]) != (self.experiment.prepared.fingerprint, split_sha256):
            raise UserError(
                f"--workdir={self.workdir.path}: the frames or their split are not those that the run began with; "
                "put the data back, or name a new folder"
            )
        tqdm.write(f"resuming at step {int(state.step)} (epoch {int(state.step) // self.steps_per_epoch + 1})")
        return self.experiment.devices.replicate(state), identity["segments"]

    def _train_epoch(self, batches: Any, interrupt: Interrupt, deadline: float) -> bool:
        """Trains to the end of the epoch; false where it was interrupted before."""
        losses: collections.deque[tuple[int, jax.Array]] = collections.deque()
        key = self.experiment.streams.key("dropout")
        started, first = time.monotonic(), self.step
        for step in range(first, (first // self.steps_per_epoch + 1) * self.steps_per_epoch):
            if interrupt.signal or time.monotonic() > deadline:
                self._check_losses(losses, wait=True)
                return False
            batch = next(batches)
            self.state, loss = self.experiment.train_step(self.state, batch["image"], batch["label"], key)
            losses.append((step, loss))
            self._check_losses(losses, wait=False)
        self._check_losses(losses, wait=True)
        self._note_progress(time.monotonic() - started)
        return True

    def _check_losses(self, losses: collections.deque, *, wait: bool) -> None:
        """Looks at the losses that have arrived, so that the device never waits for the host."""
        while losses and (wait or losses[0][1].is_ready()):
            step, loss = losses.popleft()
            if not np.isfinite(loss):
                self._diverge(step, f"the training loss is {float(loss)}")

    def _diverge(self, step: int, what: str) -> None:
        ids = self.experiment.table.ids(self.experiment.pipeline.train_frames(step))
        good = self.checkpoints.latest_step()
        report = {"step": step, "epoch": step // self.steps_per_epoch + 1, "frames": ids, "last_good_checkpoint": good}
        self.workdir.write("nonfinite.json", report)
        self._write_result("diverged")
        raise NonFinite(
            f"{what} at step {step} (epoch {report['epoch']}), on the batch {', '.join(ids[:3])}, ... "
            f"(all {len(ids)} in nonfinite.json); "
            + (f"the last good checkpoint is step {good}; " if good is not None else "no checkpoint was saved before; ")
            + "lower optim.learning_rate or set optim.clip_norm, in a new workdir"
        )

    def _finish_epoch(self) -> None:
        """Validates, writes the epoch's files, and saves."""
        epoch = len(self.metrics)
        sums = jax.device_get(self.state.sums)
        logits = self.experiment.validation_logits(self.state.evaluated, epoch)
        if not np.all(np.isfinite(logits)):
            self._diverge(self.step - 1, "the validation logits are not finite")
        line = {
            "epoch": epoch + 1,
            "step": self.step,
            "train": {
                "loss": float(sums["loss"]) / float(sums["frames"]),
                "accuracy": float(sums["correct"]) / float(sums["frames"]),
            },
            "validation": self._validation(logits, epoch),
        }
        best = line["validation"]["loss"] < min((each["validation"]["loss"] for each in self.metrics), default=np.inf)
        self.metrics.append(line)
        self.state = self.state.replace(sums=self.experiment.devices.replicate(zero_sums()))
        frames = self.experiment.validation
        write_predictions(self.workdir.path, epoch + 1, frames.frame_id, frames.label, logits)
        self.workdir.write_metrics(self.metrics)
        self.tensorboard.write(line)
        self._write_result("running")
        if best or (epoch + 1) % self.experiment.config.train.checkpoint_every_epochs == 0:
            self._save(best=best)

    def _validation(self, logits: np.ndarray, epoch: int) -> dict[str, Any]:
        summary = self._summary(logits)
        precise_loss = summary["loss"]
        if self.experiment.config.model.norm == "batch":
            precise = self.experiment.precise(self.state.evaluated)
            precise_loss = self._summary(self.experiment.validation_logits(precise, epoch))["loss"]
        groups = {name: summary[name] for name in ("by_label", "by_background")}
        return {
            "loss": summary["loss"],
            "accuracy": summary["accuracy"],
            "loss_precise_bn": precise_loss,
            **groups,
        }

    def _summary(self, logits: np.ndarray) -> dict[str, Any]:
        frames = self.experiment.validation
        return summarise(logits, frames.label, frames.background, frames.label_names)

    def _save(self, *, best: bool) -> None:
        self.checkpoints.save(self.state, self.identity, best=best)

    def _stop(self, interrupt: Interrupt) -> int:
        self._save(best=False)
        self.checkpoints.wait()
        self._write_result("stopped")
        why = f"{interrupt.signal.name} received" if interrupt.signal else "train.max_minutes are over"
        tqdm.write(f"{why}: saved at step {self.step}; the same command goes on from there")
        return interrupt.exit_status

    def _finish(self) -> int:
        self._save(best=False)
        self.checkpoints.wait()
        logits = self.experiment.validation_logits(self.state.evaluated, len(self.metrics) - 1)
        evaluation = evaluate_logits(self.experiment, logits)
        self.workdir.write("evaluation.json", {"epoch": len(self.metrics), "step": self.step, **evaluation})
        self._write_result("finished")
        return 0

    def _write_result(self, status: str) -> None:
        validation = [each["validation"] for each in self.metrics]
        losses = np.array([each["loss"] for each in validation])
        self.workdir.write(
            "result.json",
            {
                "status": status,
                "epoch": len(self.metrics),
                "step": self.step,
                "identity": self.identity["sha256"],
                "state_sha256": state_sha256(self.state),
                "validation": {
                    "final": validation[-1] if validation else None,
                    "best": {"epoch": int(losses.argmin()) + 1, **validation[int(losses.argmin())]}
                    if validation
                    else None,
                },
                "volatility": von_neumann_volatility(losses),
            },
        )

    def _note_progress(self, seconds: float) -> None:
        frames = float(jax.device_get(self.state.sums["frames"]))
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


def _curve_text(line: dict[str, Any]) -> str:
    train, validation = line["train"], line["validation"]
    return (
        f"train loss {train['loss']:.3f}, validation loss {validation['loss']:.3f}, "
        f"accuracy {validation['accuracy']:.1%}"
    )
