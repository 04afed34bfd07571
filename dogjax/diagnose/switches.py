"""Scores the same weights another way: every epoch's network under every combination of switches. Nothing is trained.

A switch changes one thing:

    batch_norm_statistics   BatchNorm's statistics measured anew for the weights of the epoch, on clean training frames
    augmented_validation    validation frames that are not augmented
    last_iterate            weights averaged over the last epochs, always with statistics measured anew

Statistics measured anew differ from running ones in three things, so they are measured in three stages: as training
sees a batch (which removes the lag alone), then without dropout, then without augmentation.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from dogjax.config import ModelConfig, replace_fields
from dogjax.data.transforms import changes_frames
from dogjax.diagnose.attribution import Switches, subsets
from dogjax.diagnose.batch_norm import distances
from dogjax.diagnose.temperature import TEMPERATURES, fit_temperature, halves
from dogjax.errors import UserError
from dogjax.eval.intervals import Groups
from dogjax.eval.metrics import score_frames
from dogjax.train.experiment import KEPT_BYTES, Experiment
from dogjax.train.state import Variables, epochs_with_weights, read_weights
from dogjax.train.step import PRECISE_FRAMES, make_noisy_statistics, pool_statistics

BATCH_NORM, AUGMENTED, LAST_ITERATE = "batch_norm_statistics", "augmented_validation", "last_iterate"
# Stages of measuring BatchNorm's statistics anew, each without one more thing that evaluation does not have.
LAG, WITHOUT_DROPOUT, CLEAN = "lag", "without_dropout", "clean"
# Epochs that are averaged: latest-weight averaging (Kaddour 2022, arXiv 2209.14981), with BatchNorm's statistics
# measured anew, as Izmailov et al. (2018, arXiv 1803.05407, section 3.2) demand.
AVERAGED_EPOCHS = 5


@dataclasses.dataclass(frozen=True)
class Rescored:
    """Validation of some epochs, scored in several ways.

    Attributes:
      epochs: their numbers, one after the other.
      switches: those that change anything in this run.
      logits: float32 `[epochs, frames, classes]`, by the set of switches that are on; with `last_iterate`
        `batch_norm_statistics` is on, too, where the run has it.
      losses: float64 `[epochs, frames]`, cross-entropy, of the same sets.
      stages: float64 `[epochs, frames]`, cross-entropy with BatchNorm's statistics measured anew, by stage: `lag`,
        `without_dropout`, `clean`; a stage that changes nothing in this run is not there.
      temperature: the one that fits all epochs, the mean over folds; 1 where there is one fold.
      cooled: float64 `[epochs, frames]`, cross-entropy of the logits as they were divided by it, fitted out of fold.
      distances: float `[epochs]` by BatchNorm layer with running statistics: how far they are from the truth.
    """

    epochs: list[int]
    switches: tuple[str, ...]
    logits: dict[Switches, np.ndarray]
    losses: dict[Switches, np.ndarray]
    stages: dict[str, np.ndarray]
    temperature: float
    cooled: np.ndarray
    distances: dict[str, np.ndarray]

    def curve(self, on: Switches) -> np.ndarray:
        """Returns the mean validation loss of each epoch with the given switches on."""
        return self.losses[on].mean(axis=1)


def available_switches(experiment: Experiment) -> tuple[str, ...]:
    """Returns the switches that this run has; one that the run itself has thrown changes nothing."""
    has = {
        BATCH_NORM: experiment.has_running_statistics,
        AUGMENTED: experiment.config.augment.validation,
        LAST_ITERATE: experiment.config.optim.ema_decay == 0,
    }
    return tuple(name for name, there in has.items() if there)


def drops_before_norm(model: ModelConfig) -> bool:
    """Returns whether units are dropped before a BatchNorm: those of a dense layer that another one follows."""
    return model.dropout > 0 and model.norm == "batch" and len(model.dense) > 1


def score_again(
    experiment: Experiment, workdir: pathlib.Path, epochs: Sequence[int], groups: Groups, watch: Callable[[], object]
) -> Rescored:
    """Scores the networks of the given epochs under every combination of switches.

    Args:
      experiment: the run.
      workdir: of the run, with the weights of these epochs.
      epochs: numbers from 1, one after the other.
      groups: of the validation frames; the temperature is fitted on one half of them and used on the other.
      watch: called after every epoch.

    Raises:
      UserError: logits are not finite.
    """
    switches = available_switches(experiment)
    sets = [on for on in subsets(switches) if is_pure(on, switches)]
    networks = _Networks(experiment, workdir, epochs)
    rows: dict[Any, list[np.ndarray]] = {}
    apart: list[dict[str, float]] = []
    for epoch in epochs:
        scored = networks.score(epoch, sets)
        for name, logits in scored.items():
            if not np.all(np.isfinite(logits)):
                changed = name if isinstance(name, str) else " and ".join(sorted(name)) or "nothing"
                raise UserError(
                    f"the logits of epoch {epoch} are not finite with {changed} changed: the run has all but diverged, "
                    "and its curve tells no more than that; lower optim.learning_rate"
                )
            rows.setdefault(name, []).append(logits)
        if BATCH_NORM in switches:
            apart.append(networks.distances(epoch))
        watch()
    labels = experiment.validation.label
    losses = {name: np.stack([score_frames(z, labels).losses for z in each]) for name, each in rows.items()}
    before = np.stack(rows[frozenset()])
    temperature, cooled = _cool(before, labels, groups)
    return Rescored(
        epochs=list(epochs),
        switches=switches,
        logits={on: np.stack(rows[on]) for on in sets},
        losses={on: losses[on] for on in sets},
        stages={name: each for name, each in losses.items() if isinstance(name, str)},
        temperature=temperature,
        cooled=cooled,
        distances={name: np.array([each[name] for each in apart]) for name in (apart[0] if apart else ())},
    )


def is_pure(on: Switches, switches: Sequence[str]) -> bool:
    """Returns whether a set changes each thing alone: averaged weights have their own statistics."""
    return LAST_ITERATE not in on or BATCH_NORM in on or BATCH_NORM not in switches


def _cool(logits: np.ndarray, labels: np.ndarray, groups: Groups) -> tuple[float, np.ndarray]:
    """Fits one temperature to all epochs on each half of the groups, and uses it on the other (Guo et al. 2017, 4.2).

    Returns:
      The mean of the two, and the losses float64 `[epochs, frames]`. Without two halves 1, and the losses as they are.
    """
    half = halves(groups)
    scaled, temperatures = np.array(logits, np.float64), []
    if half.any():
        epochs = len(logits)
        for side in (0, 1):
            fitted, used = half != side, half == side
            temperatures.append(
                fit_temperature(logits[:, fitted].reshape(-1, logits.shape[2]), np.tile(labels[fitted], epochs))
            )
            scaled[:, used] /= temperatures[-1]
    losses = np.stack([score_frames(each, labels).losses for each in scaled])
    return float(np.mean(temperatures or [TEMPERATURES[0]])), losses


class _Networks:
    """The networks of a run, and what they say of its validation frames."""

    def __init__(self, experiment: Experiment, workdir: pathlib.Path, epochs: Sequence[int]) -> None:
        self._experiment, self._workdir = experiment, workdir
        clean = replace_fields(experiment.config, {"augment.validation": False})
        pipeline = dataclasses.replace(experiment.pipeline, config=clean)
        self._clean = dataclasses.replace(experiment, config=clean, pipeline=pipeline)
        self._kept = set(epochs_with_weights(workdir))
        self._first = epochs[0] - 1
        self._noisy = jax.jit(make_noisy_statistics(experiment.program.network), static_argnames="dropout")
        self._kept_images: list[jax.Array] | None = None
        self._precise: dict[bool, Variables] = {}  # of the epoch that is being scored, by whether weights are averaged

    def score(self, epoch: int, sets: Sequence[Switches]) -> dict[Any, np.ndarray]:
        """Returns the logits of one epoch under each set, and of each stage by its name."""
        raw = self._read(epoch, 1)
        self._precise = {}
        found: dict[Any, np.ndarray] = {}
        for experiment, is_clean in ((self._experiment, False), (self._clean, True)):
            chosen: list[Any] = [on for on in sets if (AUGMENTED in on) == is_clean]
            networks = [self._variables(epoch, raw, on) for on in chosen]
            if not is_clean:
                stages = self._stages(raw)
                chosen += list(stages)
                networks += list(stages.values())
            if chosen:
                found |= dict(zip(chosen, experiment.validation_logits(epoch - 1, *networks)))
        if CLEAN not in found and frozenset({BATCH_NORM}) in found:
            found[CLEAN] = found[frozenset({BATCH_NORM})]
        return found

    def distances(self, epoch: int) -> dict[str, float]:
        """Returns how far the running statistics of an epoch, scored just now, are from the truth."""
        return distances(self._read(epoch, 1), self._precise[False])

    def _read(self, epoch: int, count: int) -> Variables:
        """Returns the mean network of the `count` epochs up to `epoch`, of those that are kept."""
        numbers = [number for number in range(epoch - count + 1, epoch + 1) if number in self._kept]
        each = [read_weights(self._workdir, number) for number in numbers]
        mean = jax.tree.map(lambda *leaves: np.mean(leaves, axis=0, dtype=np.float64).astype(leaves[0].dtype), *each)
        return self._experiment.devices.replicate(mean if len(each) > 1 else each[0])

    def _variables(self, epoch: int, raw: Variables, on: Switches) -> Variables:
        averaged = LAST_ITERATE in on
        network = self._read(epoch, AVERAGED_EPOCHS) if averaged else raw
        if BATCH_NORM not in on:
            return self._experiment.evaluated(network)
        if averaged not in self._precise:
            self._precise[averaged] = self._experiment.precise(network)
        return self._precise[averaged]

    def _stages(self, raw: Variables) -> dict[str, Variables]:
        """Returns the network with its statistics measured in each stage before the clean one that differs from it."""
        if not self._experiment.has_running_statistics:
            return {}
        augments = changes_frames(self._experiment.config.augment)
        stages = {}
        if drops_before_norm(self._experiment.config.model):
            stages[LAG] = self._remeasured(raw, dropout=True)
        if augments:
            stages[WITHOUT_DROPOUT if stages else LAG] = self._remeasured(raw, dropout=False)
        return stages

    def _remeasured(self, variables: Variables, *, dropout: bool) -> Variables:
        key = self._experiment.streams.key("dropout", self._first)
        batches = (
            self._noisy(variables, image, jax.random.fold_in(key, number), dropout=dropout)
            for number, image in enumerate(self._training_images())
        )
        return variables | {"batch_stats": self._experiment.devices.replicate(pool_statistics(batches))}

    def _training_images(self) -> Iterator[jax.Array]:
        """Yields the images of full training batches, augmented as in the first epoch that is scored."""
        config, steps = self._experiment.config, self._experiment.pipeline.steps_per_epoch
        size = config.train.batch_size
        count = max(1, min(steps, PRECISE_FRAMES // size))
        if self._kept_images is None:
            start = self._first * steps
            batches = self._experiment.pipeline.train_batches(start, start + count)
            images = (batch["image"] for batch in self._experiment.devices.prefetch(batches, ("image",)))
            full = (image for number, image in enumerate(images) if number == 0 or len(image) == size)
            if count * size * config.data.image_size**2 * 12 > KEPT_BYTES:  # three channels of float32
                return full
            self._kept_images = list(full)
        return iter(self._kept_images)
