"""Probable label errors: what is called another dog with confidence by a network that is right elsewhere.

Confident learning (Northcutt, Jiang & Chuang 2021, arXiv 1911.00068) on predictions for frames that were not trained
on. A recording is labelled as a whole, so it is judged as a whole; single frames are where the data name none.
"""

from typing import Any

import numpy as np
from cleanlab.filter import find_label_issues

from dogjax.data.frames import FrameTable

# A network that errs more often elsewhere cannot tell a wrong label from its own error.
RIGHT_ELSEWHERE = 0.8
SURE = 0.8


def find_label_errors(frames: FrameTable, probabilities: np.ndarray) -> dict[str, Any]:
    """Units of validation frames whose label is probably wrong.

    Args:
      frames: the validation frames.
      probabilities: float `[frames, classes]`, the mean over epochs.

    Returns:
      `unit` (`recording` or `frame`), `units`, `errors` (each `unit`, `label`, `called`, `probability` and `frames`,
      numbers within validation), `share` of the frames, `right_elsewhere`, of the other units, and `note`: null, or
      why errors cannot be told.
    """
    names, index = _units(frames)
    counts = np.bincount(index)
    means = np.stack([np.bincount(index, weights=column) / counts for column in probabilities.T], axis=1)
    means /= means.sum(axis=1, keepdims=True)
    first = np.unique(index, return_index=True)[1]
    labels = frames.label[first]
    suspects = find_label_issues(
        labels, means, filter_by="confident_learning", return_indices_ranked_by="self_confidence", n_jobs=1
    )
    suspects = [int(each) for each in suspects if means[each].max() >= SURE and means[each].argmax() != labels[each]]
    others = np.delete(means.argmax(axis=1) == labels, suspects)
    rate = float(others.mean()) if len(others) else 0.0
    unit, note = "frame" if "" in frames.recording else "recording", None
    if rate < RIGHT_ELSEWHERE:
        suspects, note = [], f"the network is right in {rate:.0%} of the other {unit}s: too few to call a label wrong"
    errors = [_describe(frames, names[each], np.flatnonzero(index == each), means[each]) for each in suspects]
    return {
        "unit": unit,
        "units": len(names),
        "errors": errors,
        "share": sum(len(each["frames"]) for each in errors) / len(frames),
        "right_elsewhere": rate,
        "note": note,
    }


def _units(frames: FrameTable) -> tuple[list[str], np.ndarray]:
    """Names of the units, and the unit of each frame: a recording of two dogs is two."""
    if "" in frames.recording:
        return [str(name) for name in frames.frame_id], np.arange(len(frames))
    pairs = list(zip(frames.recording.tolist(), frames.label.tolist()))
    units = sorted(set(pairs))
    number = {pair: place for place, pair in enumerate(units)}
    return [recording for recording, _ in units], np.array([number[pair] for pair in pairs])


def _describe(frames: FrameTable, unit: str, members: np.ndarray, mean: np.ndarray) -> dict[str, Any]:
    return {
        "unit": unit,
        "label": frames.label_names[frames.label[members[0]]],
        "called": frames.label_names[int(mean.argmax())],
        "probability": float(mean.max()),
        "frames": members.tolist(),
    }
