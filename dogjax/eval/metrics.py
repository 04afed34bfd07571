"""Scores a network's logits: loss, accuracy, calibration, tables by group, votes by recording.

Every score is a sum or a count over frames that is divided at the end, so tables of groups add up to the
whole: counts exactly, losses up to the rounding of their sums.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import log_softmax
from sklearn.metrics import brier_score_loss, confusion_matrix

CONFIDENCE_BINS = 15
# Of the frames of other classes: above it, a curve may be calm because the network has learned nothing.
ONE_CLASS_SHARE = 0.9


@dataclasses.dataclass(frozen=True)
class FrameScores:
    """The scores of each frame.

    Attributes:
      log_probabilities: float64 `[frames, classes]`, natural logarithm.
      labels: int64 `[frames]`.
      predictions: int64 `[frames]`, the most probable class; the first of equally probable ones.
      losses: float64 `[frames]`, cross-entropy in nats.
      correct: bool `[frames]`.
    """

    log_probabilities: np.ndarray
    labels: np.ndarray
    predictions: np.ndarray
    losses: np.ndarray
    correct: np.ndarray

    @property
    def loss(self) -> float:
        """Mean cross-entropy in nats."""
        return float(self.losses.sum() / len(self.losses))

    @property
    def accuracy(self) -> float:
        """Share of frames whose most probable class is the label."""
        return float(np.count_nonzero(self.correct) / len(self.correct))


def score_frames(logits: np.ndarray, labels: np.ndarray) -> FrameScores:
    """Scores every frame, in float64.

    Args:
      logits: float `[frames, classes]`.
      labels: int `[frames]`, in `[0, classes)`.

    Raises:
      ValueError: no frames, shapes that do not fit, a label outside the classes, or logits that are
        not finite.
    """
    logits, labels = np.asarray(logits, np.float64), np.asarray(labels, np.int64)
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(f"logits {logits.shape} and labels {labels.shape}: give [frames, classes] and [frames]")
    if not len(labels):
        raise ValueError("there are no frames to score")
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise ValueError(f"labels lie in [{labels.min()}, {labels.max()}], but there are {logits.shape[1]} classes")
    finite = np.isfinite(logits).all(axis=1)
    if not finite.all():
        raise ValueError(f"logits of {np.count_nonzero(~finite)} of {len(labels)} frames are not finite")
    log_probabilities = log_softmax(logits, axis=1)
    predictions = logits.argmax(axis=1)
    # Subtracted from zero: a negation would give the odd -0.0 to a frame without loss.
    losses = 0.0 - log_probabilities[np.arange(len(labels)), labels]
    return FrameScores(log_probabilities, labels, predictions, losses, predictions == labels)


def predicts_one_class(predictions: np.ndarray, labels: np.ndarray) -> bool:
    """Whether one class is predicted for nearly all frames: for more than nine tenths of those of other classes, too.

    False if every frame is of that class: then the predictions may be right.

    Args:
      predictions: int `[frames]`.
      labels: int `[frames]`.
    """
    most = np.bincount(predictions).argmax()
    others = predictions[labels != most]
    return bool(len(others) and np.mean(others == most) > ONE_CLASS_SHARE)


def expected_calibration_error(scores: FrameScores) -> float:
    """Computes the expected calibration error over equal-width bins of confidence (Guo et al. 2017, eq. 3).

    `ECE = sum over bins of (frames in bin / frames) |accuracy in bin - mean confidence in bin|`, with
    15 bins `((m - 1) / 15, m / 15]` of the probability of the predicted class.
    """
    confidence = np.exp(scores.log_probabilities.max(axis=1))
    edges = np.linspace(0, 1, CONFIDENCE_BINS + 1)
    bins = np.digitize(confidence, edges, right=True)
    excess = np.bincount(bins, weights=scores.correct - confidence)
    return float(np.abs(excess).sum() / len(confidence))


def brier_score(scores: FrameScores) -> float:
    """Computes the Brier score, summed over classes: 0 is perfect, 2 the worst (Brier 1950, eq. 2).

    `mean over frames of sum over classes of (1[class is the label] - probability)^2`. With two
    classes it is twice the form that counts one of them only.
    """
    probabilities = np.exp(scores.log_probabilities)
    classes = np.arange(probabilities.shape[1])
    # Otherwise scikit-learn would halve the score of two classes. Its type stub knows only "auto".
    unhalved: Any = False
    return float(brier_score_loss(scores.labels, probabilities, labels=classes, scale_by_half=unhalved))


def confusion(scores: FrameScores, label_names: Sequence[str]) -> dict[str, Any]:
    """Counts confusions: `labels`, and `counts`, in row i and column j the frames of class i predicted as class j."""
    counts = confusion_matrix(scores.labels, scores.predictions, labels=np.arange(len(label_names)))
    return {"labels": list(label_names), "counts": counts.tolist()}


def group_table(scores: FrameScores, names: np.ndarray) -> dict[str, dict[str, Any]]:
    """Computes `frames`, `loss` and `accuracy` of each group, by name in alphabetical order.

    Args:
      scores: of the frames.
      names: text `[frames]`, each frame's group. Frames of the unknown group `""` are left out.
    """
    known = names != ""
    groups, index = np.unique(names[known], return_inverse=True)
    frames = np.bincount(index, minlength=len(groups))
    losses = np.bincount(index, weights=scores.losses[known], minlength=len(groups))
    correct = np.bincount(index, weights=scores.correct[known], minlength=len(groups))
    return {
        str(group): {"frames": int(count), "loss": float(loss / count), "accuracy": float(right / count)}
        for group, count, loss, right in zip(groups, frames, losses, correct)
    }


def label_table(scores: FrameScores, label_names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Computes `group_table` by class. A class without frames has no row."""
    return group_table(scores, np.asarray(label_names)[scores.labels])


def worst_background(by_background: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    """Finds `background` and `accuracy` of the row with the lowest accuracy; of equals, the highest loss."""
    if not by_background:
        return None
    name, row = min(by_background.items(), key=lambda item: (item[1]["accuracy"], -item[1]["loss"]))
    return {"background": name, "accuracy": row["accuracy"]}


def majority_votes(scores: FrameScores, recordings: np.ndarray, label_names: Sequence[str]) -> dict[str, Any]:
    """Finds each recording's most frequent prediction.

    Of equally frequent predictions the one with the highest summed log-probability wins, then the
    first. In a recording that shows several classes, the frames of each class vote separately.

    Args:
      scores: of the frames.
      recordings: text `[frames]`. Frames of the unknown recording `""` do not vote.
      label_names: one name a class.

    Returns:
      `accuracy`, the share of votes that are right (None without recordings), and `recordings`, from
      name to `label`, `vote`, `share` of the frames with that vote, and `correct`. The name is
      `recording`, or `recording [label]` if the recording shows several classes.
    """
    known = recordings != ""
    names, recording = np.unique(recordings[known], return_inverse=True)
    classes = len(label_names)
    pairs, pair = np.unique(recording * classes + scores.labels[known], return_inverse=True)
    counts = np.zeros((len(pairs), classes), np.int64)
    np.add.at(counts, (pair, scores.predictions[known]), 1)
    summed = np.zeros((len(pairs), classes))
    np.add.at(summed, pair, scores.log_probabilities[known])
    leading = counts == counts.max(axis=1, keepdims=True)
    # Rounded: otherwise the order of the frames would decide between equal sums, by their last bits.
    votes = np.where(leading, summed.round(9), -np.inf).argmax(axis=1)

    labels_shown = np.bincount(pairs // classes, minlength=len(names))
    table = {}
    for row, (number, label) in enumerate(zip(*divmod(pairs, classes))):
        name = str(names[number])
        key = name if labels_shown[number] == 1 else f"{name} [{label_names[label]}]"
        table[key] = {
            "label": label_names[label],
            "vote": label_names[votes[row]],
            "share": float(counts[row, votes[row]] / counts[row].sum()),
            "correct": bool(votes[row] == label),
        }
    right = sum(row["correct"] for row in table.values())
    return {"accuracy": right / len(table) if table else None, "recordings": table}
