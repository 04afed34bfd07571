"""Does the background tell the class? A linear probe that sees the border alone, and the network without the middle."""

import dataclasses
from typing import Any, cast

import numpy as np
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dogjax.config import replace_fields
from dogjax.data.frames import GraphImages
from dogjax.data.mask import MaskedImages, middle
from dogjax.data.table import FrameTable, Images
from dogjax.eval.intervals import Groups, bootstrap_intervals
from dogjax.eval.metrics import score_frames
from dogjax.train.experiment import Experiment
from dogjax.train.state import Variables

# Averaged to squares of this many pixels: colours and places, not textures.
CELL = 4
MOST_FRAMES = 600
# Folds are stratified: a class with as many recordings is in each of them, and so in what the probe learns from.
FOLDS = FEWEST_GROUPS = 3


def border_features(images: np.ndarray) -> np.ndarray:
    """Mean colours of the cells that lie in the border: float `[frames, features]`.

    Args:
      images: uint8 `[frames, side, side, 3]`.
    """
    frames, side = images.shape[:2]
    cells = side // CELL
    means = images[:, : cells * CELL, : cells * CELL].reshape(frames, cells, CELL, cells, CELL, 3).mean(axis=(2, 4))
    return means[:, ~middle(cells)].reshape(frames, -1)


def probe_background(table: FrameTable, images: Images) -> dict[str, Any]:
    """Measures the probe on recordings that it has not seen: the mean over classes of the mean over their recordings.

    Returns:
      `accuracy`, `chance` (the same for every guess that does not look), `interval` (of the accuracy, 95 %: by the
      normal approximation over the recordings of each class, or Wilson's where they do not differ) and `groups`;
      `accuracy` is None, and `note` says why, where a class has too few recordings.
    """
    frames = np.arange(len(table))[:: max(1, -(-len(table) // MOST_FRAMES))]
    labels, recordings = table.label[frames], table.recording[frames]
    each = [len(np.unique(recordings[labels == label])) for label in np.unique(labels)]
    if "" in recordings or min(each) < FEWEST_GROUPS:
        return no_probe(
            f"a class has fewer than {FEWEST_GROUPS} recordings: its background cannot be told from the class"
        )
    features = border_features(images.read(frames))
    right = np.zeros(len(frames), bool)
    for train, test in StratifiedGroupKFold(FOLDS).split(features, labels, recordings):
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500, class_weight="balanced"))
        right[test] = probe.fit(features[train], labels[train]).predict(features[test]) == labels[test]
    rates = [_rates(right[labels == label], recordings[labels == label]) for label in np.unique(labels)]
    accuracy = float(np.mean([each.mean() for each in rates]))
    return {
        "accuracy": accuracy,
        "chance": 1 / len(rates),
        "interval": _interval(accuracy, rates),
        "groups": sum(map(len, rates)),
        "note": None,
    }


def no_probe(note: str) -> dict[str, Any]:
    """What `probe_background` returns where the background cannot be judged."""
    return {"accuracy": None, "chance": None, "interval": None, "groups": 0, "note": note}


def _rates(right: np.ndarray, recordings: np.ndarray) -> np.ndarray:
    """The accuracy in each recording."""
    return np.array([right[recordings == name].mean() for name in np.unique(recordings)])


def _interval(accuracy: float, rates: list[np.ndarray]) -> list[float]:
    half = 1.96 * np.sqrt(sum(each.var(ddof=1) / len(each) for each in rates)) / len(rates)
    if half:
        return [max(0.0, accuracy - half), min(1.0, accuracy + half)]
    groups = sum(map(len, rates))
    limits = binomtest(round(accuracy * groups), groups).proportion_ci(method="wilson")
    return [float(limits.low), float(limits.high)]


def probe_without_middle(
    experiment: Experiment, network: Variables, groups: Groups, rng: np.random.Generator
) -> dict[str, Any]:
    """What the run's own network makes of clean validation frames whose middle is hidden.

    Returns:
      `accuracy` (None where the network's answers are not finite), its `interval` (None where it cannot be estimated),
      and `chance`, the share of the commonest class.
    """
    config = replace_fields(experiment.config, {"augment.validation": False})
    hidden = MaskedImages(cast(GraphImages, experiment.pipeline.images), "middle")
    pipeline = dataclasses.replace(experiment.pipeline, images=hidden, config=config)
    masked = dataclasses.replace(experiment, config=config, pipeline=pipeline)
    (logits,) = masked.validation_logits(0, network)
    labels = experiment.validation.label
    chance = float(np.bincount(labels).max() / len(labels))
    if not np.all(np.isfinite(logits)):
        return {"accuracy": None, "interval": None, "chance": chance}
    scores = score_frames(logits, labels)
    interval = bootstrap_intervals(scores.correct, scores.losses, groups, rng)["accuracy"]
    return {"accuracy": scores.accuracy, "interval": interval, "chance": chance}
