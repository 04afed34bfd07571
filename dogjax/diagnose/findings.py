"""What was measured of a run, before anything is concluded."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from dogjax.config import Config
from dogjax.diagnose.attribution import Attribution
from dogjax.diagnose.branches import Effect, Ends
from dogjax.diagnose.cartography import Dynamics
from dogjax.diagnose.confusion import Confusion
from dogjax.diagnose.thresholds import CALM, CALM_NATS

# The curve without any change, beside those of the stages.
AS_IT_WAS = "as_it_was"


@dataclasses.dataclass(frozen=True)
class Learning:
    """How well both sides are known: means over the last epochs (`curves.last_epochs`).

    Attributes:
      epochs: their number, all of the run.
      train_accuracy: of training steps, as the weights move.
      train_majority: share of the commonest class of training.
      constant_train_loss: loss of always answering the class shares of training, on training.
      clean_accuracy: on clean training frames, in evaluation mode; None where the run has no such scores.
      clean_loss: likewise.
      clean_loss_precise: likewise, with BatchNorm's statistics measured anew.
      loss_precise: of validation, with BatchNorm's statistics measured anew.
      risen: how far `loss_precise` lies above its lowest mean over as many epochs, as a share of that.
      falling: by what share the training loss fell from as many epochs before.
      loss_moved: whether the training loss was ever far from where it came to rest.
      spread: the largest standard deviation over frames of a logit of the last epoch.
    """

    epochs: int
    train_accuracy: float
    train_majority: float
    constant_train_loss: float
    clean_accuracy: float | None
    clean_loss: float | None
    clean_loss_precise: float | None
    loss_precise: float
    risen: float
    falling: float
    loss_moved: bool
    spread: float

    @property
    def part_left(self) -> float | None:
        """The loss on clean training frames, as a part of what always answering the class shares loses."""
        if self.clean_loss_precise is None or not self.constant_train_loss:
            return None
        return self.clean_loss_precise / self.constant_train_loss


@dataclasses.dataclass(frozen=True)
class Apart:
    """The feature of pixels in which the two sides differ most.

    Attributes:
      feature: its name.
      train, validation: its mean over the recordings of each side.
      deviation: its standard deviation between recordings of one side.
      p: of a permutation of recordings, for the largest difference of all features.
    """

    feature: str
    train: float
    validation: float
    deviation: float
    p: float


@dataclasses.dataclass(frozen=True)
class Sides:
    """What lies on the two sides.

    Attributes:
      train_frames, validation_frames: by class, those without frames included.
      apart: None where recordings are too few.
    """

    train_frames: Mapping[str, int]
    validation_frames: Mapping[str, int]
    apart: Apart | None


@dataclasses.dataclass(frozen=True)
class Findings:
    """Everything that the causes are judged by.

    Attributes:
      config: of the run.
      symptom: the measures of the curve.
      learning: how well both sides are known.
      sides: what lies on them.
      attributions: of the jumping, by switch; None for a curve that does not move.
      calm_rescored: whether the curve is calm with all switches but averaged weights: what is left for training.
      stage_jumping: of the curve, in nats: `as_it_was`, and with BatchNorm's statistics measured anew by stage.
      stage_loss: its mean, likewise.
      temperature: the one that fits the logits of all scored epochs.
      cooled_part: the part of the jumping that goes with it.
      updates: of the weights, up to the last scored epoch.
      average_decay: of a moving average of the weights over five epochs.
      branches: what each change does to the noise of one epoch; None where no epoch was trained again.
      no_branches: why not, in words.
      ends: the losses after those epochs.
      confusion: which class is taken for which, in validation.
      audit: of the split.
      honest_split: fields of the configuration that would give a split that does not leak; None: none is known.
      splits_by_background: whether the frames allow to hold out whole backgrounds.
      background: of the probe that sees the border alone.
      without_middle: of the network on frames whose middle is hidden.
      label_errors: probable ones among all frames.
      quality: whether errors go with blur or the dark.
      dynamics: of the validation frames, over all epochs.
      step: how long a step is, of the first of the scored epochs.
      input_scale: `mean` and `sd` of what the network is shown, of the channel that is furthest from 0 and 1.
      evaluation: the run's `evaluation.json`; None where there is none of its last epoch.
      train_frames: number of training frames.
      unit: what intervals and temperatures take as a whole: `recording`, `block` or `frame`.
      no_intervals: that groups are too few for intervals, in words; None where they are not.
    """

    config: Config
    symptom: dict[str, Any]
    learning: Learning
    sides: Sides
    attributions: dict[str, Attribution] | None
    calm_rescored: bool
    stage_jumping: dict[str, float]
    stage_loss: dict[str, float]
    temperature: float
    cooled_part: float
    updates: int
    average_decay: float
    branches: Mapping[str, Effect] | None
    no_branches: str
    ends: Mapping[str, Ends] | None
    confusion: Confusion
    audit: dict[str, Any]
    honest_split: dict[str, Any] | None
    splits_by_background: bool
    background: dict[str, Any]
    without_middle: dict[str, Any]
    label_errors: dict[str, Any]
    quality: dict[str, Any]
    dynamics: Dynamics
    step: dict[str, Any]
    input_scale: dict[str, float]
    evaluation: dict[str, Any] | None
    train_frames: int
    unit: str
    no_intervals: str | None


def is_calm(symptom: Mapping[str, Any]) -> bool:
    """Returns whether a curve does not jump, by its `relative_jumping`, `lowest_loss` and `highest_loss`.

    A smooth fall is no jump, however steep.
    """
    relative, moved = symptom["relative_jumping"], symptom["highest_loss"] - symptom["lowest_loss"]
    return relative is not None and (relative < CALM or moved < CALM_NATS)
