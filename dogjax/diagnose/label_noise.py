"""Probable label errors: what classifiers that did not see it predict with confidence as another class.

Suspects are ranked by self-confidence (Northcutt, Jiang & Chuang 2021, arXiv 1911.00068) on out-of-fold predictions
for frames of training and of validation. A recording is labelled as a whole, so it is judged as a whole; single frames
are where the data name none.

A classifier errs by itself, and between look-alikes with confidence. So a suspect must also be an outlier among all
units of its class and of the class that it is taken for: its log-odds against the median of theirs, in robust standard
deviations, by a t test at 5 % for all units of the data together (Bonferroni). Suspects count among the others. Where a
pair is hard to tell apart, its log-odds spread so widely that no error of the classifier is an outlier.
"""

from typing import Any

import numpy as np
from cleanlab.filter import find_label_issues
from scipy.stats import median_abs_deviation, norm, t

from dogjax.data.table import FrameTable
from dogjax.diagnose.out_of_fold import OutOfFold
from dogjax.diagnose.thresholds import RIGHT_OFTEN, SURE

# Of all units together: in one of twenty data sets without a wrong label one is accused.
LEVEL = 0.05
# The efficiency of the median absolute deviation among normal values: n of them are worth 0.37 n for a deviation.
EFFICIENCY = 0.37
# Log-odds that spread less are taken to spread so far: means over frames are no surer than that.
LEAST_SPREAD = 0.5
# Probabilities below count as this one.
LEAST_PROBABILITY = 1e-6


def find_label_errors(table: FrameTable, found: OutOfFold) -> dict[str, Any]:
    """Units whose label is probably wrong.

    Args:
      table: all frames.
      found: predictions for some of them.

    Returns:
      `unit` (`recording` or `frame`), `units`, `errors` (each `unit`, `label`, `called`, `probability` and `frames`,
      numbers within the table), `share` of the frames, `right`, the share of units that are predicted as labelled (None
      where unknown), and `note`: None, or why errors cannot be told.
    """
    unit = "frame" if "" in table.recording else "recording"
    counts = np.bincount(found.units)
    answer = {"unit": unit, "units": len(counts), "errors": [], "share": 0.0, "right": None}
    if found.probabilities is None:
        return answer | {"note": found.note}
    means = np.stack([np.bincount(found.units, weights=column) / counts for column in found.probabilities.T], axis=1)
    means /= means.sum(axis=1, keepdims=True)
    labels = table.label[found.frames[np.unique(found.units, return_index=True)[1]]]
    suspects = find_label_issues(
        labels, means, filter_by="predicted_neq_given", return_indices_ranked_by="self_confidence", n_jobs=1
    )
    predictions = means.argmax(axis=1)
    answer["right"] = float((predictions == labels).mean())
    if answer["right"] < RIGHT_OFTEN:
        note = f"{answer['right']:.0%} of the {unit}s are predicted as labelled: too few to call a label wrong"
        return answer | {"note": note}
    suspects = [int(each) for each in suspects if means[each].max() >= SURE]
    logs = np.log(np.maximum(means, LEAST_PROBABILITY))
    suspects = [each for each in suspects if _is_outlier(each, int(predictions[each]), labels, logs)]
    errors = [_describe(table, unit, found.frames[found.units == each], means[each]) for each in suspects]
    share = sum(len(each["frames"]) for each in errors) / len(found.frames)
    return answer | {"errors": errors, "share": share, "note": None}


def _is_outlier(unit: int, called: int, labels: np.ndarray, logs: np.ndarray) -> bool:
    """Returns whether the log-odds of a unit lie far from those of all units of both classes."""
    odds = np.where(labels == called, -1, 1) * (logs[:, labels[unit]] - logs[:, called])
    pair = odds[(labels == labels[unit]) | (labels == called)]
    spread = max(float(median_abs_deviation(pair) / norm.ppf(0.75)), LEAST_SPREAD)
    distance = (odds[unit] - np.median(pair)) / spread
    return float(t.cdf(distance, EFFICIENCY * (len(pair) - 1))) * len(labels) < LEVEL


def _describe(table: FrameTable, unit: str, frames: np.ndarray, mean: np.ndarray) -> dict[str, Any]:
    return {
        "unit": str(table.recording[frames[0]] if unit == "recording" else table.frame_id[frames[0]]),
        "label": table.label_names[table.label[frames[0]]],
        "called": table.label_names[int(mean.argmax())],
        "probability": float(mean.max()),
        "frames": frames.tolist(),
    }
