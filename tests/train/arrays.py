"""Frames in arrays, and a run on them that takes a second. Nothing here needs TensorFlow."""

import pathlib

import numpy as np

from dogjax.config import Config, from_dict
from dogjax.data.arrays import table_of_arrays
from dogjax.train.experiment import Material


def material(frames: int = 72) -> Material:
    """Three classes, which differ in their red, in two recordings each."""
    rng = np.random.default_rng(0)
    labels = np.arange(frames) % 3
    images = rng.integers(0, 256, (frames, 16, 16, 3), dtype=np.uint8)
    images[..., 0] = 80 * labels[:, None, None]
    recording = np.array([f"{label}/{number // (frames // 4)}" for number, label in enumerate(labels)])
    known = {"recording": recording, "time": np.arange(frames) / 3}
    return Material(*table_of_arrays(images, labels, ("a", "b", "c"), **known))


def config(root: pathlib.Path, **train: int) -> Config:
    """The configuration of a tiny network, with its cache in `root`."""
    return from_dict(
        {
            "data": {"image_size": 16, "cache_dir": str(root / "cache")},
            "split": {"strategy": "recording", "folds": 2},
            "model": {"widths": [4], "kernels": [3], "dense": [8]},
            "train": train,
        }
    )
