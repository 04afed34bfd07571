"""Computes one evaluation as plain values: the whole for `evaluation.json`, the short form for each epoch."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dogjax.eval.intervals import bootstrap_intervals, effective_sample_size, group_frames
from dogjax.eval.metrics import (
    brier_score,
    confusion,
    expected_calibration_error,
    group_table,
    label_table,
    majority_votes,
    score_frames,
    worst_background,
)


def summarise(
    logits: np.ndarray, labels: np.ndarray, backgrounds: np.ndarray, label_names: Sequence[str]
) -> dict[str, Any]:
    """Computes `loss`, `accuracy`, `by_label` and `by_background`, ready for JSON.

    Args:
      logits: float `[frames, classes]`.
      labels: int `[frames]`.
      backgrounds: text `[frames]`; `""` is unknown, and in no row.
      label_names: one name a class.

    Raises:
      ValueError: as `score_frames`.
    """
    scores = score_frames(logits, labels)
    return {
        "loss": scores.loss,
        "accuracy": scores.accuracy,
        "by_label": label_table(scores, label_names),
        "by_background": group_table(scores, backgrounds),
    }


def evaluate(
    logits: np.ndarray,
    labels: np.ndarray,
    *,
    recordings: np.ndarray,
    backgrounds: np.ndarray,
    times: np.ndarray,
    label_names: Sequence[str],
    rng: np.random.Generator,
    block_seconds: float | None = None,
) -> dict[str, Any]:
    """Computes every statistic of `evaluation.json`, ready for JSON; None stands for what cannot be estimated.

    Args:
      logits: float `[frames, classes]`.
      labels: int `[frames]`.
      recordings: text `[frames]`; `""` is unknown.
      backgrounds: text `[frames]`; `""` is unknown.
      times: float `[frames]`, seconds from the recording's start.
      label_names: one name a class.
      rng: of the bootstrap.
      block_seconds: of the blocks that the split holds out; None if it does not hold out blocks.

    Raises:
      ValueError: as `score_frames`.
    """
    scores = score_frames(logits, labels)
    groups = group_frames(scores.labels, recordings, times, label_names, block_seconds)
    by_background = group_table(scores, backgrounds)
    return {
        "frames": len(scores.labels),
        "loss": scores.loss,
        "accuracy": scores.accuracy,
        "ece": expected_calibration_error(scores),
        "brier": brier_score(scores),
        "by_label": label_table(scores, label_names),
        "by_background": by_background,
        "by_recording": group_table(scores, recordings),
        "worst_background": worst_background(by_background),
        "confusion": confusion(scores, label_names),
        "votes": majority_votes(scores, recordings, label_names),
        "intervals": bootstrap_intervals(scores.correct, scores.losses, groups, rng),
        "effective_sample_size": effective_sample_size(scores.correct, groups),
    }
