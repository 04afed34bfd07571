"""Probable label errors: what is called another class with confidence by classifiers that are right elsewhere.

Confident learning (Northcutt, Jiang & Chuang 2021, arXiv 1911.00068) on out-of-fold predictions for frames of training
and of validation. A recording is labelled as a whole, so it is judged as a whole; single frames are where the data name
none.
"""

from typing import Any

import numpy as np
from cleanlab.filter import find_label_issues

from dogjax.data.table import FrameTable
from dogjax.diagnose.out_of_fold import OutOfFold
from dogjax.diagnose.thresholds import RIGHT_ELSEWHERE, SURE


def find_label_errors(table: FrameTable, found: OutOfFold) -> dict[str, Any]:
    """Units whose label is probably wrong.

    Args:
      table: all frames.
      found: predictions for some of them.

    Returns:
      `unit` (`recording` or `frame`), `units`, `errors` (each `unit`, `label`, `called`, `probability` and `frames`,
      numbers within the table), `share` of the frames, `right_elsewhere`, of the other units (None where unknown), and
      `note`: None, or why errors cannot be told.
    """
    unit = "frame" if "" in table.recording else "recording"
    counts = np.bincount(found.units)
    answer = {"unit": unit, "units": len(counts), "errors": [], "share": 0.0, "right_elsewhere": None}
    if found.probabilities is None:
        return answer | {"note": found.note}
    means = np.stack([np.bincount(found.units, weights=column) / counts for column in found.probabilities.T], axis=1)
    means /= means.sum(axis=1, keepdims=True)
    labels = table.label[found.frames[np.unique(found.units, return_index=True)[1]]]
    suspects = find_label_issues(
        labels, means, filter_by="confident_learning", return_indices_ranked_by="self_confidence", n_jobs=1
    )
    suspects = [int(each) for each in suspects if means[each].max() >= SURE and means[each].argmax() != labels[each]]
    others = np.delete(means.argmax(axis=1) == labels, suspects)
    answer["right_elsewhere"] = float(others.mean()) if len(others) else 0.0
    if answer["right_elsewhere"] < RIGHT_ELSEWHERE:
        note = f"{answer['right_elsewhere']:.0%} of the other {unit}s are called right: too few to call a label wrong"
        return answer | {"note": note}
    errors = [_describe(table, unit, found.frames[found.units == each], means[each]) for each in suspects]
    share = sum(len(each["frames"]) for each in errors) / len(found.frames)
    return answer | {"errors": errors, "share": share, "note": None}


def _describe(table: FrameTable, unit: str, frames: np.ndarray, mean: np.ndarray) -> dict[str, Any]:
    return {
        "unit": str(table.recording[frames[0]] if unit == "recording" else table.frame_id[frames[0]]),
        "label": table.label_names[table.label[frames[0]]],
        "called": table.label_names[int(mean.argmax())],
        "probability": float(mean.max()),
        "frames": frames.tolist(),
    }
