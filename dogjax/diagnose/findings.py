"""What is measured of a run before anything is concluded."""

import dataclasses
from typing import Any

import numpy as np

from dogjax.config import Config
from dogjax.data.scaling import measure_scaling
from dogjax.diagnose.counterfactual import Counterfactuals
from dogjax.eval import curves
from dogjax.eval.metrics import score_frames
from dogjax.train.experiment import Experiment

# Frames that carry the loss: the worst twentieth.
WORST_SHARE = 0.05
# A curve whose prediction is one class for nearly all frames is calm for the wrong reason.
ONE_CLASS_SHARE = 0.9


@dataclasses.dataclass(frozen=True)
class Findings:
    """Everything that the causes are judged by.

    Attributes:
      config: of the run.
      symptom: the measures of the curve.
      shares: of the volatility by switch, each `share` and `interval`, and `unexplained`; null where undefined.
      drops: how much lower the mean loss is with each switch alone, each `share` and `interval`.
      frames: what single frames and pairs of dogs carry.
      audit: of the split.
      background: of the probe that sees the border alone.
      without_middle: of the network on frames whose middle is hidden.
      label_errors: probable ones among the validation frames.
      step: how long a step is, of the first of the scored epochs.
      input_scale: `mean` and `sd` of what the network is shown, of the channel that is furthest from 0 and 1.
      evaluation: the run's `evaluation.json`; null while it runs.
      train_frames: number of training frames.
      temperature: mean fitted temperature of the last epochs.
    """

    config: Config
    symptom: dict[str, Any]
    shares: dict[str, Any] | None
    drops: dict[str, Any]
    frames: dict[str, Any]
    audit: dict[str, Any]
    background: dict[str, Any]
    without_middle: dict[str, Any]
    label_errors: dict[str, Any]
    step: dict[str, Any]
    input_scale: dict[str, float]
    evaluation: dict[str, Any] | None
    train_frames: int
    temperature: float


def describe_symptom(metrics: list[dict[str, Any]], found: Counterfactuals) -> dict[str, Any]:
    """The measures of the curve over the scored epochs.

    Args:
      metrics: the lines of `metrics.jsonl` of these epochs.
      found: the counterfactuals of these epochs.
    """
    losses = np.array([line["validation"]["loss"] for line in metrics])
    train = np.array([line["train"]["loss"] for line in metrics])
    accuracies = np.array([line["validation"]["accuracy"] for line in metrics])
    taken = np.bincount(found.logits[frozenset()][-1].argmax(axis=1)) / found.logits[frozenset()].shape[1]
    return {
        "epochs": [metrics[0]["epoch"], metrics[-1]["epoch"]],
        "volatility": curves.von_neumann_volatility(losses),
        "robust_volatility": curves.robust_volatility(losses),
        "oscillation": curves.oscillation(losses),
        "spike_share": curves.spike_share(losses),
        "lowest_loss": float(losses.min()),
        "highest_loss": float(losses.max()),
        "drawdown": curves.drawdown(accuracies),
        "train_volatility": curves.von_neumann_volatility(train),
        "train_loss": float(train[-1]),
        "accuracy": float(accuracies[-1]),
        "predicts_one_class": bool(taken.max() > ONE_CLASS_SHARE),
    }


def describe_frames(experiment: Experiment, found: Counterfactuals) -> dict[str, Any]:
    """What single frames, and pairs of dogs, carry of the loss and of the errors."""
    labels, names = experiment.validation.label, experiment.validation.label_names
    losses = found.losses[frozenset()]
    mean_losses = losses.mean(axis=0)
    worst = np.sort(mean_losses)[::-1][: max(1, round(WORST_SHARE * len(mean_losses)))]
    predictions = [score_frames(each, labels).predictions for each in found.logits[frozenset()]]
    wrong = np.zeros((len(names), len(names)))
    for each in predictions:
        np.add.at(wrong, (labels[each != labels], each[each != labels]), 1)
    pairs = {(i, j): wrong[i, j] + wrong[j, i] for i in range(len(names)) for j in range(i + 1, len(names))}
    pair = max(pairs, key=lambda each: pairs[each])
    total = max(wrong.sum(), 1.0)
    return {
        "worst_twentieth": float(worst.sum() / max(mean_losses.sum(), 1e-12)),
        "errors": float(wrong.sum() / (len(predictions) * len(labels))),
        "pair": [names[pair[0]], names[pair[1]]],
        "pair_share": float(pairs[pair] / total),
        "pairs": len(pairs),
    }


def describe_input(experiment: Experiment) -> dict[str, float]:
    """`mean` and `sd` of the training frames as the network sees them, of the channel with the largest mean square."""
    pixels = measure_scaling(experiment.pipeline.images, experiment.split.train, "standardise")
    used = experiment.pipeline.scaling
    mean, deviation = (pixels.shift - used.shift) / used.scale, pixels.scale / used.scale
    channel = int(np.argmax(mean**2 + deviation**2))
    return {"mean": float(mean[channel]), "sd": float(deviation[channel])}
