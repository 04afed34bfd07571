"""Frames that lie in memory as arrays, and their batches made in NumPy: no TensorFlow is imported.

Training batch t is a pure function of the seeds and of t, as in `pipeline.py`, but NumPy draws another order than
TensorFlow does. So the kind of batches is a part of a run's identity. Frames are not augmented here.
"""

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from dogjax.config import AugmentConfig, Config
from dogjax.data.batching import Batching, check_batch_size
from dogjax.data.pixels import measure_scaling, measure_sharpness
from dogjax.data.splits import Split
from dogjax.data.table import FrameTable, Prepared
from dogjax.errors import UserError
from dogjax.prng import Streams

Batch = dict[str, np.ndarray]


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


@dataclasses.dataclass(frozen=True)
class ArrayBatches(Batching):
    """The batches of one run; fulfils `dogjax.train.batches.Batches`."""

    kind: ClassVar[str] = "numpy"

    def train_batches(self, start: int, stop: int) -> Iterator[Batch]:
        """Yields the training batches of the steps `start`, ..., `stop - 1`."""
        epoch, order = -1, self.split.train
        for step in range(start, stop):
            if step // self.steps_per_epoch != epoch:
                epoch = step // self.steps_per_epoch
                order = self.streams.numpy("order", epoch).permutation(self.split.train)
            first = step % self.steps_per_epoch * self.batch_size
            yield self._batch(order[first : first + self.batch_size])

    def train_frames(self, step: int) -> np.ndarray:
        """Returns the frame numbers of one training batch."""
        return next(self.train_batches(step, step + 1))["frame"]

    def validation_batches(self, epoch: int, epochs: int = 1) -> Iterator[Batch]:
        """Yields every validation frame once an epoch, in order; each epoch's last batch is padded."""
        del epoch  # without augmentation every epoch is the same
        for _ in range(epochs):
            for frames, mask in zip(*self.validation_rows()):
                yield self._batch(frames) | {"mask": mask}

    def clean_training_batches(self, limit: int) -> Iterator[Batch]:
        """Yields at most `limit` training frames in full batches of one size."""
        return (self._batch(frames) for frames in self.clean_rows(limit))

    def _batch(self, frames: np.ndarray) -> dict[str, Any]:
        pixels = self.images.read(frames).astype(np.float32)
        return {
            "image": (pixels - self.scaling.shift) / self.scaling.scale,
            "label": self.table.label[frames],
            "frame": frames,
            "mask": np.ones(len(frames), np.float32),
        }


def make_array_batches(
    table: FrameTable, images: ArrayImages, split: Split, config: Config, streams: Streams
) -> ArrayBatches:
    """Makes the batches of a run; measures the input scaling on the training frames.

    Raises:
      UserError: the configuration asks for augmentation, or `train.batch_size` does not suit the data.
    """
    if config.augment != AugmentConfig():
        raise UserError("augment: arrays are not augmented; prepare the frames as a dataset, or set no augmentation")
    check_batch_size(len(table), len(split.train), config)
    return ArrayBatches(table, images, split, config, streams, measure_scaling(images, split.train, config.data.scale))
