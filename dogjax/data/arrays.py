"""Frames that lie in memory as arrays. No TensorFlow is imported."""

import hashlib
from collections.abc import Sequence

import numpy as np

from dogjax.data.pixels import measure_sharpness
from dogjax.data.table import FrameTable, Prepared
from dogjax.errors import UserError


class ArrayImages:
    """Images held as one NumPy array, uint8 `[frames, side, side, 3]`."""

    def __init__(self, array: np.ndarray) -> None:
        if array.dtype != np.uint8 or array.ndim != 4 or array.shape[1] != array.shape[2] or array.shape[3] != 3:
            raise UserError(
                f"images: {array.dtype} of shape {array.shape}; give an array of uint8 of shape (frames, side, side, 3)"
            )
        self._array = array

    def read(self, frames: np.ndarray) -> np.ndarray:
        """Returns uint8 `[frames, side, side, 3]`."""
        return self._array[frames]


def table_of_arrays(
    images: np.ndarray,
    labels: np.ndarray,
    label_names: Sequence[str],
    *,
    recording: np.ndarray | None = None,
    background: np.ndarray | None = None,
    time: np.ndarray | None = None,
) -> tuple[Prepared, FrameTable, ArrayImages]:
    """Makes the material of an experiment from arrays: `Material(*table_of_arrays(...))`.

    Args:
      images: uint8 `[frames, side, side, 3]`.
      labels: int `[frames]`, indices into `label_names`.
      label_names: one name a class.
      recording: text `[frames]`; None: unknown.
      background: text `[frames]`; None: unknown.
      time: float `[frames]`, seconds from the recording's first frame; None: 0.

    Raises:
      UserError: the arrays differ in length, or a label has no name.
    """
    count, empty = len(images), np.full(len(images), "")
    columns = {
        "label": np.asarray(labels, np.int32),
        "recording": empty if recording is None else np.asarray(recording, np.str_),
        "background": empty if background is None else np.asarray(background, np.str_),
        "time": np.zeros(count) if time is None else np.asarray(time, np.float64),
    }
    for name, values in columns.items():
        if values.shape != (count,):
            raise UserError(f"{name}: has shape {values.shape}; give one entry for each of the {count} images")
    if count and not 0 <= columns["label"].min() <= columns["label"].max() < len(label_names):
        raise UserError(f"labels: lie outside 0 to {len(label_names) - 1}; give one name for each class")
    digest = hashlib.sha256(repr(tuple(label_names)).encode())
    for values in (images, *columns.values()):
        digest.update(f"{values.dtype.kind} {values.shape}\n".encode())
        digest.update(np.char.encode(values, "utf-8").tobytes() if values.dtype.kind == "U" else values.tobytes())
    table = FrameTable(
        frame_id=np.array([f"{number:09}" for number in range(count)]),
        sharpness=np.array([measure_sharpness(image) for image in images], np.float32),
        record=np.arange(count),
        label_names=tuple(label_names),
        **columns,
    )
    description = {
        "fingerprint": digest.hexdigest(),
        "frames": count,
        "labels": {name: int(np.sum(columns["label"] == label)) for label, name in enumerate(label_names)},
        "problems": [],
        "notes": [],
    }
    return Prepared(None, digest.hexdigest(), description), table, ArrayImages(images)
