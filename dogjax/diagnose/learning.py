"""Measures how well both sides of a run are known, from its metrics."""

from typing import Any

import numpy as np

from dogjax.diagnose.findings import Learning
from dogjax.diagnose.switches import Rescored
from dogjax.eval.curves import last_epochs
from dogjax.train.experiment import Experiment

# A loss that was ever this many times the loss at rest has moved.
MOVED = 1.2


def measure_learning(metrics: list[dict[str, Any]], experiment: Experiment, found: Rescored) -> Learning:
    """Measures how well both sides are known.

    Args:
      metrics: the lines of `metrics.jsonl`.
      experiment: the run.
      found: its last epochs, scored again.
    """
    count = last_epochs(len(metrics))
    labels = experiment.table.label[experiment.split.train]
    shares = np.bincount(labels) / len(labels)
    train = np.array([line["train"]["loss"] for line in metrics])
    precise = np.array([line["validation"]["loss_precise_bn"] for line in metrics])
    means = np.convolve(precise, np.ones(count) / count, "valid")
    clean = [line["train_clean"] for line in metrics[-count:] if "train_clean" in line]
    rest, before = train[-count:].mean(), train[-2 * count : -count].mean() if len(train) >= 2 * count else train[0]
    return Learning(
        epochs=len(metrics),
        train_accuracy=float(np.mean([line["train"]["accuracy"] for line in metrics[-count:]])),
        train_majority=float(shares.max()),
        constant_train_loss=float(-np.sum(shares[shares > 0] * np.log(shares[shares > 0]))),
        clean_accuracy=float(np.mean([each["accuracy"] for each in clean])) if clean else None,
        clean_loss=float(np.mean([each["loss"] for each in clean])) if clean else None,
        clean_loss_precise=float(np.mean([each["loss_precise_bn"] for each in clean])) if clean else None,
        loss_precise=float(means[-1]),
        risen=float(means[-1] / max(means.min(), 1e-12) - 1),
        falling=float(1 - rest / max(before, 1e-12)),
        loss_moved=bool(train.max() > MOVED * rest),
        spread=float(found.logits[frozenset()][-1].std(axis=0).max()),
    )
