"""Audits a split: what it leaks, and what cannot be estimated from it, in numbers and in words."""

from typing import Any

import numpy as np

from dogjax.config import SplitConfig
from dogjax.data.splits import Split, nearest_seconds
from dogjax.data.table import FrameTable

NEAR_SECONDS = 2.0
# Groups beyond the first of each class. With three (two recordings of each of three classes) a nominal 95 % interval
# covered 72 % of simulated truths; with six, 90 %.
FEWEST_SPARE_GROUPS = 4


def describe_split(table: FrameTable, split: Split, config: SplitConfig) -> dict[str, Any]:
    """Makes the content of `split.json`: the split, the frame ids of both sides, and the audit."""
    return {
        "strategy": config.strategy,
        "folds": config.folds,
        "fold": config.fold,
        "sha256": split.sha256(table),
        "audit": audit_split(table, split, config),
        "train": table.ids(split.train),
        "validation": table.ids(split.validation),
    }


def audit_split(table: FrameTable, split: Split, config: SplitConfig) -> dict[str, Any]:
    """Measures counts, shared groups and seconds from validation to training, and words the warnings."""
    nearest = _nearest_training_frame(table, split)
    audit = {
        "train": _side(table, split, split.train),
        "validation": _side(table, split, split.validation),
        "purged_frames": split.purged,
        "block_seconds": split.block_seconds,
        "gap_seconds": split.gap_seconds,
        "nearest_training_frame": {
            "median_seconds": _finite(np.median(nearest)) if len(nearest) else None,
            "share_within_2_seconds": float(np.mean(nearest <= NEAR_SECONDS)) if len(nearest) else None,
        },
        "shared_recordings": _shared(table.recording, split),
        "shared_backgrounds": _shared(table.background, split),
        "single_class_backgrounds": _single_class_backgrounds(table, split),
    }
    shared = {name: _shared(values, split) for name, values in table.groups.items()}
    audit |= {"shared_groups": {name: groups for name, groups in shared.items() if groups}}
    return audit | {"warnings": _warnings(table, split, config, audit)}


def lacking_groups(counts: np.ndarray) -> str | None:
    """Says why groups are too few to draw them with replacement within each class; None where they are enough.

    Args:
      counts: int `[classes]`, the groups of each; classes without groups are ignored; at least one must have some.
    """
    present = counts[counts > 0]
    if present.min() >= 2 and present.sum() - len(present) >= FEWEST_SPARE_GROUPS:
        return None
    return (
        f"{present.sum()} of {len(present)} classes, {present.min()} of one of them; it takes 2 of each class and "
        f"{len(present) + FEWEST_SPARE_GROUPS} in all"
    )


def _side(table: FrameTable, split: Split, frames: np.ndarray) -> dict[str, Any]:
    counts = np.bincount(table.label[frames], minlength=len(table.label_names))
    return {
        "frames": len(frames),
        "labels": {name: int(count) for name, count in zip(table.label_names, counts)},
        "groups": len(np.unique(split.groups[frames])),
        "recordings": len(_named(table.recording[frames])),
        "backgrounds": len(_named(table.background[frames])),
    }


def _nearest_training_frame(table: FrameTable, split: Split) -> np.ndarray:
    """Returns the seconds from each validation frame to the nearest training frame of its recording; inf: none."""
    known = split.validation[table.recording[split.validation] != ""]
    parts = [seconds for _, seconds in nearest_seconds(table, known, split.train)]
    return np.concatenate(parts) if parts else np.empty(0)


def _named(values: np.ndarray) -> set[str]:
    return {str(value) for value in np.unique(values) if value}


def _shared(values: np.ndarray, split: Split) -> list[str]:
    return sorted(_named(values[split.train]) & _named(values[split.validation]))


def _finite(value: np.floating) -> float | None:
    """Returns None for infinity, which JSON cannot write: no training frame in the same recording."""
    return float(value) if np.isfinite(value) else None


def _warnings(table: FrameTable, split: Split, config: SplitConfig, audit: dict[str, Any]) -> list[str]:
    warnings = []
    near = audit["nearest_training_frame"]
    if not np.all(table.recording):
        warnings.append(
            "The data name no recordings, so near-duplicate frames on both sides cannot be ruled out: "
            "validation accuracy may be too high, and no group split is possible."
        )
    elif config.strategy == "frame" and (shared := audit["shared_recordings"]):
        # However far frames are apart: a slow frame rate makes none of them another recording.
        warnings.append(
            f"The split is leaky: {len(shared)} recordings are on both sides, and {near['share_within_2_seconds']:.0%} "
            f"of the validation frames lie within {NEAR_SECONDS:.0f} s of a training frame of the same recording "
            f"({_distance(near)}). Validation measures memory of these recordings, not recognition of the class; "
            "split.strategy=block, recording or background does not."
        )
    elif config.strategy == "block":
        warnings.append(
            f"Validation shares {len(audit['shared_recordings'])} recordings with training "
            f"({_distance(near)}): "
            "it says nothing about another day or background."
        )
    if config.strategy == "recording" and audit["shared_backgrounds"]:
        warnings.append(
            f"Both sides show the backgrounds {', '.join(audit['shared_backgrounds'])}: "
            "accuracy on an unseen background cannot be estimated from this split."
        )
    if alone := audit["single_class_backgrounds"]:
        warnings.append(
            f"Training shows a single class in {', '.join(alone)}: the network may learn the background instead of the "
            "class."
        )
    for name, shared in audit["shared_groups"].items():
        if config.strategy not in ("frame", "block"):
            warnings.append(
                f"Both sides show the {name} {', '.join(shared)}: accuracy on an unseen {name} cannot be estimated "
                "from this split."
            )
    recordings = _recordings_by_class(table, split.validation)
    if np.any(recordings) and (lacking := lacking_groups(recordings)):
        warnings.append(
            f"Validation holds too few recordings ({lacking}): its frames are so alike that an interval for accuracy "
            "cannot be estimated over recordings."
        )
    return warnings


def _recordings_by_class(table: FrameTable, frames: np.ndarray) -> np.ndarray:
    """Returns the number of recordings of each class: int64 `[classes]`."""
    labels, recordings = table.label[frames], table.recording[frames]
    return np.array([len(_named(recordings[labels == label])) for label in range(len(table.label_names))])


def _distance(near: dict[str, Any]) -> str:
    if near["median_seconds"] is None:
        return "most have no training frame in their recording"
    return f"median {near['median_seconds']:.3g} s to the nearest training frame"


def _single_class_backgrounds(table: FrameTable, split: Split) -> list[str]:
    labels, backgrounds = table.label[split.train], table.background[split.train]
    return [name for name in sorted(_named(backgrounds)) if len(np.unique(labels[backgrounds == name])) == 1]
