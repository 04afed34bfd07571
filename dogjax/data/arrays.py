"""Batches of frames that lie in memory as one array, made in NumPy: no TensorFlow is imported.

Training batch t is a pure function of the seeds and of t, as in `pipeline.py`, but NumPy draws another order than
TensorFlow does. So the kind of batches is a part of a run's identity. Frames are not augmented here.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from dogjax.config import AugmentConfig, Config
from dogjax.data.batching import Batching, check_batch_size
from dogjax.data.scaling import measure_scaling
from dogjax.data.splits import Split
from dogjax.data.table import FrameTable
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
