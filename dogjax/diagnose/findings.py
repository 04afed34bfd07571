"""What was measured of a run, before anything is concluded."""

import dataclasses
from typing import Any

from dogjax.config import Config
from dogjax.diagnose.cartography import Dynamics


@dataclasses.dataclass(frozen=True)
class Findings:
    """Everything that the causes are judged by.

    Attributes:
      config: of the run.
      symptom: the measures of the curve.
      shares: of the volatility by switch, each `share` and `interval`, and `unexplained`; None where undefined.
      drops: how much lower the mean loss is with each switch alone, each `share` and `interval`.
      frames: what single frames and pairs of classes carry.
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
      temperature: mean fitted temperature of the last epochs.
      unit: what intervals and temperatures take as a whole: `recording`, `block` or `frame`.
      no_intervals: that groups are too few for intervals of shares and drops, in words; None where they are not.
    """

    config: Config
    symptom: dict[str, Any]
    shares: dict[str, Any] | None
    drops: dict[str, Any]
    frames: dict[str, Any]
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
    temperature: float
    unit: str
    no_intervals: str | None
