"""The curve as it would have been: every epoch's network scored again under every combination of four switches.

Nothing is trained. A switch changes how the same weights are evaluated: with BatchNorm's statistics measured
anew, on clean validation frames, averaged over the last epochs, or with a temperature fitted out of fold.
"""

import dataclasses
import itertools
import pathlib
from collections.abc import Callable, Sequence

import jax
import numpy as np

from dogjax.config import replace_fields
from dogjax.diagnose.batch_norm import distances
from dogjax.diagnose.temperature import halves, scale_out_of_fold
from dogjax.errors import UserError
from dogjax.eval.intervals import Groups
from dogjax.eval.metrics import score_frames
from dogjax.train.experiment import Experiment
from dogjax.train.state import Variables, epochs_with_weights, read_weights

BATCH_NORM, AUGMENTED, LAST_ITERATE, OVERCONFIDENCE = (
    "batch_norm_statistics",
    "augmented_validation",
    "last_iterate",
    "overconfidence",
)
# Epochs that are averaged: latest-weight averaging (Kaddour 2022, arXiv 2209.14981), with BatchNorm's statistics
# measured anew where that switch is on, as Izmailov et al. (2018, arXiv 1803.05407, section 3.2) demand.
AVERAGED_EPOCHS = 5

Switches = frozenset[str]


@dataclasses.dataclass(frozen=True)
class Counterfactuals:
    """Validation under every combination of the switches that this run has.

    Attributes:
      epochs: numbers of the epochs that were scored, one after the other.
      switches: those that change anything in this run.
      logits: float32 `[epochs, frames, classes]` by the set of switches that are on, but for the temperature.
      losses: float64 `[epochs, frames]`, cross-entropy, by the set of all switches that are on.
      temperatures: float `[epochs]`, the mean over folds, with the other switches off; 1 without that switch.
      distances: float `[epochs]` by BatchNorm layer that has running statistics, how far they are from the truth.
    """

    epochs: list[int]
    switches: tuple[str, ...]
    logits: dict[Switches, np.ndarray]
    losses: dict[Switches, np.ndarray]
    temperatures: np.ndarray
    distances: dict[str, np.ndarray]

    def curve(self, on: Switches) -> np.ndarray:
        """Mean validation loss of each epoch with the given switches on."""
        return self.losses[on].mean(axis=1)


def available_switches(experiment: Experiment, groups: Groups) -> tuple[str, ...]:
    """The switches that this run has; one that the run itself has thrown changes nothing.

    A temperature is fitted on one half of the groups and used on the other, so it takes two of some class.
    """
    config = experiment.config
    has = {
        BATCH_NORM: experiment.has_running_statistics,
        AUGMENTED: config.augment.validation,
        LAST_ITERATE: config.optim.ema_decay == 0,
        OVERCONFIDENCE: bool(halves(groups).any()),
    }
    return tuple(name for name, there in has.items() if there)


def subsets(switches: Sequence[str]) -> list[Switches]:
    """Every set of switches, from none to all."""
    return [frozenset(each) for size in range(len(switches) + 1) for each in itertools.combinations(switches, size)]


def score_again(
    experiment: Experiment, workdir: pathlib.Path, epochs: Sequence[int], groups: Groups, watch: Callable[[], object]
) -> Counterfactuals:
    """Scores the networks of the given epochs under every combination of switches.

    Args:
      experiment: the run.
      workdir: of the run, with the weights of these epochs.
      epochs: numbers from 1, one after the other.
      groups: of the validation frames; temperatures are fitted on one half of them and used on the other.
      watch: called after every epoch.

    Raises:
      UserError: logits are not finite.
    """
    switches = available_switches(experiment, groups)
    networks = _Networks(experiment, workdir)
    rows: dict[Switches, list[np.ndarray]] = {on: [] for on in subsets(switches) if OVERCONFIDENCE not in on}
    apart: list[dict[str, float]] = []
    for epoch in epochs:
        variables = networks.variables(epoch, list(rows))
        for on, logits in networks.logits(epoch, variables, list(rows)).items():
            if not np.all(np.isfinite(logits)):
                changed = " and ".join(sorted(on)) or "nothing"
                raise UserError(
                    f"the logits of epoch {epoch} are not finite with {changed} changed: the run has all but diverged, "
                    "and its curve tells no more than that; lower optim.learning_rate"
                )
            rows[on].append(logits)
        if BATCH_NORM in switches:
            apart.append(distances(variables[frozenset()], variables[frozenset({BATCH_NORM})]))
        watch()
    logits = {on: np.stack(each) for on, each in rows.items()}
    labels = experiment.validation.label
    losses, temperatures = {}, np.ones(len(epochs))
    for on, each in logits.items():
        losses[on] = np.stack([score_frames(z, labels).losses for z in each])
        if OVERCONFIDENCE not in switches:
            continue
        scaled = [scale_out_of_fold(z, labels, groups) for z in each]
        losses[on | {OVERCONFIDENCE}] = np.stack([score_frames(z, labels).losses for z, _ in scaled])
        if not on:
            temperatures = np.array([temperature for _, temperature in scaled])
    layers = {name: np.array([each[name] for each in apart]) for name in (apart[0] if apart else ())}
    return Counterfactuals(list(epochs), switches, logits, losses, temperatures, layers)


class _Networks:
    """The networks of a run, and what they say of its validation frames."""

    def __init__(self, experiment: Experiment, workdir: pathlib.Path) -> None:
        self._experiment, self._workdir = experiment, workdir
        clean = replace_fields(experiment.config, {"augment.validation": False})
        pipeline = dataclasses.replace(experiment.pipeline, config=clean)
        self._clean = dataclasses.replace(experiment, config=clean, pipeline=pipeline)
        self._kept = set(epochs_with_weights(workdir))

    def variables(self, epoch: int, wanted: list[Switches]) -> dict[Switches, Variables]:
        """The network of one epoch under the wanted sets, by set but for what concerns the frames."""
        return {on: self._variables(epoch, on) for on in {on - {AUGMENTED} for on in wanted}}

    def logits(
        self, epoch: int, variables: dict[Switches, Variables], wanted: list[Switches]
    ) -> dict[Switches, np.ndarray]:
        """Logits of one epoch under the wanted sets; frames are drawn once for all networks that see them."""
        found = {}
        for experiment, clean in ((self._experiment, False), (self._clean, True)):
            sets = [on for on in wanted if (AUGMENTED in on) == clean]
            if sets:
                seen = experiment.validation_logits(epoch - 1, *(variables[on - {AUGMENTED}] for on in sets))
                found |= dict(zip(sets, seen))
        return found

    def _variables(self, epoch: int, on: Switches) -> Variables:
        first = epoch - AVERAGED_EPOCHS + 1 if LAST_ITERATE in on else epoch
        each = [read_weights(self._workdir, number) for number in range(first, epoch + 1) if number in self._kept]
        mean = jax.tree.map(lambda *leaves: np.mean(leaves, axis=0, dtype=np.float64).astype(leaves[0].dtype), *each)
        variables = self._experiment.devices.replicate(mean if len(each) > 1 else each[0])
        return self._experiment.precise(variables) if BATCH_NORM in on else self._experiment.evaluated(variables)
