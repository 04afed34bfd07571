"""Trains one epoch again with one thing changed: which change calms what that epoch does to the loss?

From the state before an epoch of the run, that epoch is trained several times with fresh order, augmentation and
dropout: the spread of the validation loss at its ends is the noise that one epoch makes. Then the same with one thing
changed. Every end is scored with the statistics that BatchNorm stored, and with statistics measured anew, so that what
BatchNorm adds stays apart. Where an epoch ends with a small batch, every other change is tried without that batch and
held against the epoch without it: four times the batch has another tail. Only a state that continues to the bit makes
this a comparison of one thing.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from scipy.stats import f, ttest_ind

from dogjax.config import AugmentConfig, Config, replace_fields
from dogjax.data.transforms import changes_frames
from dogjax.diagnose.switches import drops_before_norm
from dogjax.eval.metrics import score_frames
from dogjax.files import read_json, write_json
from dogjax.train.checkpoints import read_state
from dogjax.train.experiment import Experiment, Material, build_experiment
from dogjax.train.identity import AFTER_DIAGNOSIS, code_sha256
from dogjax.train.state import TrainState, zero_sums
from dogjax.train.workdir import Workdir

REPLICATES = 8
AS_IS, WITHOUT_TAIL = "as_is", "without_tail"
# What the switches leave of the jumping: the curve is calm when the same weights are scored in another way; one switch
# takes most of it; more.
NOTHING_LEFT, LITTLE_LEFT, MUCH_LEFT, NEVER = range(4)
# Seeds of the replicates lie apart from those of runs and studies.
SEEDS = 3_000_000_000
# The streams that a replicate draws anew.
DRAWN = ("order", "augment", "dropout")
FILE = "branches.json"
# A standard deviation below so many nats counts as so many, so that ratios exist.
LEAST = 1e-12


@dataclasses.dataclass(frozen=True)
class Branch:
    """One thing that is changed while an epoch is trained again.

    Attributes:
      name: its key in `branches.json`.
      fields: of the configuration, given the run's.
      there: whether the run has what the branch changes.
      rate: what the learning rate is multiplied by.
      state: what the state before the epoch becomes.
      keeps_tail: whether the epoch ends with its small batch, where it has one.
      asked: by `diagnose.branches=auto`, where the switches leave at least so much open: one of `NOTHING_LEFT`,
        `LITTLE_LEFT`, `MUCH_LEFT`, and `NEVER`.
    """

    name: str
    fields: Callable[[Config], Mapping[str, Any]] = lambda config: {}
    there: Callable[[Experiment], bool] = lambda experiment: True
    rate: float = 1.0
    state: Callable[[Experiment, TrainState], TrainState] = lambda experiment, state: state
    keeps_tail: bool = False
    asked: int = MUCH_LEFT


def _without_moments(experiment: Experiment, state: TrainState) -> TrainState:
    return state.replace(opt_state=jax.device_get(experiment.program.optimizer.init(state.params)))


def _has_tail(experiment: Experiment) -> bool:
    train, frames = experiment.config.train, len(experiment.split.train)
    return not train.drop_remainder and frames > train.batch_size and frames % train.batch_size > 0


def _clean(config: Config) -> dict[str, Any]:
    plain = dataclasses.asdict(AugmentConfig())
    return {f"augment.{name}": value for name, value in plain.items() if name != "validation"}


BRANCHES = (
    Branch(AS_IS, keeps_tail=True, asked=NOTHING_LEFT),
    Branch(WITHOUT_TAIL, there=_has_tail, asked=NOTHING_LEFT),
    Branch("quarter_rate", rate=1 / 4, asked=LITTLE_LEFT),
    Branch("sixteenth_rate", rate=1 / 16, asked=LITTLE_LEFT),
    Branch(
        "batch_times_4",
        lambda config: {"train.batch_size": 4 * config.train.batch_size, "train.drop_remainder": True},
        lambda experiment: len(experiment.split.train) >= 4 * experiment.config.train.batch_size,
    ),
    Branch(
        "without_dropout",
        lambda config: {"model.dropout": 0.0},
        lambda experiment: drops_before_norm(experiment.config.model),
    ),
    Branch("without_augmentation", _clean, lambda experiment: changes_frames(experiment.config.augment), asked=NEVER),
    Branch(
        "without_moments",
        there=lambda experiment: experiment.config.optim.name != "sgd" or experiment.config.optim.momentum > 0,
        state=_without_moments,
    ),
)


@dataclasses.dataclass(frozen=True)
class Ends:
    """The validation loss after one epoch, trained several times.

    Attributes:
      losses: in nats, one a replicate.
      precise: the same, with BatchNorm's statistics measured anew.
    """

    losses: tuple[float, ...]
    precise: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean loss."""
        return float(np.mean(self.losses))

    @property
    def deviation(self) -> float:
        """Standard deviation of the loss: the noise of one epoch, in nats."""
        return float(np.std(self.losses, ddof=1))


@dataclasses.dataclass(frozen=True)
class Change:
    """What one change does to the losses after an epoch.

    Attributes:
      part: the part of the whole noise of the epoch, as it is, that goes with the change.
      ratio: of the standard deviations, changed over unchanged; below 1 the change calms.
      interval: 95 %, of the ratio, by the F distribution over replicates (which are independent: nothing is resampled).
      lower: by how many nats the mean loss is lower.
      lower_interval: 95 %, by Welch's t.
      lower_part: `lower` as a part of the mean loss after the epoch as it is.
    """

    part: float
    ratio: float
    interval: tuple[float, float]
    lower: float
    lower_interval: tuple[float, float]
    lower_part: float

    @property
    def calms(self) -> bool:
        """Whether the change makes less noise, surely."""
        return self.interval[1] < 1

    @property
    def lowers(self) -> bool:
        """Whether the change lowers the mean loss, surely."""
        return self.lower_interval[0] > 0


@dataclasses.dataclass(frozen=True)
class Effect:
    """What one branch shows.

    Attributes:
      stored: of the losses with the statistics that BatchNorm stored: what the run plots.
      precise: of the losses with statistics measured anew: what the weights do, whatever BatchNorm adds.
    """

    stored: Change
    precise: Change


def effects(ends: Mapping[str, Ends]) -> dict[str, Effect]:
    """Holds every branch against the epoch as it is, or without its small last batch where the branch has none."""
    whole, unchanged = ends[AS_IS], ends.get(WITHOUT_TAIL, ends[AS_IS])
    if not whole.deviation:
        return {}
    return {
        name: Effect(_change(before.losses, after.losses, whole), _change(before.precise, after.precise, whole))
        for name, after in ends.items()
        if name != AS_IS
        for before in [ends[AS_IS] if name == WITHOUT_TAIL else unchanged]
    }


def _change(before: Sequence[float], after: Sequence[float], whole: Ends) -> Change:
    deviations = [max(float(np.std(each, ddof=1)), LEAST) for each in (before, after)]
    ratio = deviations[1] / deviations[0]
    tails = [f.ppf(p, len(after) - 1, len(before) - 1) for p in (0.975, 0.025)]
    lower = float(np.mean(before) - np.mean(after))
    limits = (lower, lower)
    if max(deviations) > LEAST:
        limits = ttest_ind(before, after, equal_var=False).confidence_interval(0.95)
    return Change(
        part=(deviations[0] - deviations[1]) / whole.deviation,
        ratio=ratio,
        interval=(ratio / math.sqrt(tails[0]), ratio / math.sqrt(tails[1])),
        lower=lower,
        lower_interval=(float(limits[0]), float(limits[1])),
        lower_part=lower / max(whole.mean, LEAST),
    )


def branch(
    experiment: Experiment,
    workdir: Workdir,
    material: Material,
    chosen: Sequence[Branch],
    watch: Callable[[], object],
    replicates: int = REPLICATES,
) -> dict[str, Ends] | None:
    """Trains the last epoch but for a change, again and again, or reads what is known of it already.

    Every end is written to `branches.json` as soon as it is there, and a diagnosis that was stopped goes on with the
    next. Nothing else in the folder is changed.

    Args:
      experiment: the run.
      workdir: of the run. Branches start from the newest checkpoint before its last epoch, or from its last one.
      material: its frames.
      chosen: some of `BRANCHES`, the first among them.
      watch: called after every replicate.
      replicates: of each branch.

    Returns:
      The ends by branch, without those of which an epoch diverged; None if no state of the end of an epoch is kept.
    """
    steps = experiment.pipeline.steps_per_epoch
    last = len(workdir.read_metrics()) * steps
    state = read_state(experiment, workdir.path / "checkpoints", last - steps) or read_state(
        experiment, workdir.path / "checkpoints", last
    )
    if state is None or int(state.step) % steps:
        return None
    code = code_sha256(without=AFTER_DIAGNOSIS)
    path, key = workdir.path / FILE, {"step": int(state.step), "replicates": replicates, "code": code}
    known = read_json(path) if path.exists() else {}
    if {name: known.get(name) for name in key} != key:
        known = key | {"ends": {}}
    for each in chosen:
        rows = known["ends"].setdefault(each.name, [])
        for losses in _train(each, experiment, state, material, range(len(rows), replicates)):
            rows.append(losses)
            write_json(path, known)
            watch()
    ends = {each.name: known["ends"][each.name] for each in chosen}
    return {name: Ends(*zip(*rows)) for name, rows in ends.items() if None not in rows}


def choose(experiment: Experiment, how: str, left: int) -> tuple[Branch, ...]:
    """Returns the branches that a run has and that leave a question.

    Args:
      experiment: the run.
      how: `diagnose.branches`.
      left: what the switches leave of the jumping, one of `NOTHING_LEFT`, `LITTLE_LEFT`, `MUCH_LEFT`. Dropping the
        small last batch is free, so it is asked whatever is left.
    """
    there = [each for each in BRANCHES if each.there(experiment)]
    if how == "auto":
        there = [each for each in there if each.asked <= left]
    return () if how == "off" or [each.name for each in there] == [AS_IS] else tuple(there)


def _train(
    each: Branch, experiment: Experiment, state: TrainState, material: Material, numbers: range
) -> Iterator[tuple[float, float] | None]:
    """Yields the loss after an epoch of each replicate, as stored and with statistics measured anew; None: diverged."""
    # The epoch after the state, with its learning rates; after the last one, the last one again.
    epoch = min(int(state.step) // experiment.pipeline.steps_per_epoch, experiment.config.train.epochs - 1)
    for number in numbers:
        seeds = {f"seeds.{stream}": (SEEDS + number) % 2**32 for stream in DRAWN}
        tail = {"train.drop_remainder": True} if _has_tail(experiment) and not each.keeps_tail else {}
        config = replace_fields(experiment.config, {**each.fields(experiment.config), **tail, **seeds})
        changed = build_experiment(config, material)
        # The scaling of the input is the run's, and so are the split and the frames.
        end = _one_epoch(changed, experiment.devices.replicate(each.state(changed, state)), epoch, each.rate)
        network = experiment.evaluated(end.evaluated)
        networks = [network, experiment.precise(network)] if experiment.has_running_statistics else [network]
        logits = experiment.validation_logits(epoch, *networks)
        if not all(np.all(np.isfinite(each_logits)) for each_logits in logits):
            yield None
            continue
        losses = [score_frames(each_logits, experiment.validation.label).loss for each_logits in logits]
        yield losses[0], losses[-1]


def _one_epoch(experiment: Experiment, state: TrainState, epoch: int, rate: float) -> TrainState:
    """Trains the epoch of that number from `state` on, with the learning rate multiplied by `rate`."""
    steps = experiment.pipeline.steps_per_epoch
    state = state.replace(sums=experiment.devices.replicate(zero_sums()))
    key = experiment.streams.key("dropout")
    batches = experiment.pipeline.train_batches(epoch * steps, (epoch + 1) * steps)
    for number, batch in enumerate(experiment.devices.prefetch(batches, ("image", "label"))):
        numbers = experiment.numbers(epoch * steps + number, 1)
        numbers = numbers.replace(learning_rate=numbers.learning_rate * np.float32(rate))
        state, _ = experiment.program.train_steps(state, [batch["image"]], [batch["label"]], key, numbers)
    return state
