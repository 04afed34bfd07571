"""Images of a prepared dataset in TensorFlow: in memory while they fit, else read from the disk."""

from typing import Protocol

import numpy as np
import tensorflow as tf

from dogjax.data.builder import RecordImages
from dogjax.data.host import prepare_host
from dogjax.data.table import FrameTable, Images

# Beyond this many bytes images are read from the disk as they are needed, so that memory stays flat:
# 256 MiB are 21,845 frames of 64 x 64 pixels.
MEMORY_BUDGET = 256 * 2**20


class GraphImages(Images, Protocol):
    """Images by frame number that a TensorFlow graph can read."""

    def gather(self, frames: tf.Tensor) -> tf.Tensor:
        """Like `read`, in a TensorFlow graph."""
        ...


class MemoryImages:
    """Images held as one array, uint8 `[frames, side, side, 3]`."""

    def __init__(self, array: np.ndarray) -> None:
        self._tensor = tf.constant(array)

    def read(self, frames: np.ndarray) -> np.ndarray:
        """Returns uint8 `[frames, side, side, 3]`."""
        return self.gather(tf.constant(frames)).numpy()

    def gather(self, frames: tf.Tensor) -> tf.Tensor:
        """Like `read`, in a TensorFlow graph."""
        return tf.gather(self._tensor, frames)


class DiskImages:
    """Images read from the disk, one record at a time."""

    def __init__(self, records: RecordImages, record_of_frame: np.ndarray, image_size: int) -> None:
        self._records = records
        self._record_of_frame = record_of_frame
        self._shape = (image_size, image_size, 3)

    def read(self, frames: np.ndarray) -> np.ndarray:
        """Returns uint8 `[frames, side, side, 3]`."""
        return self._records.read(self._record_of_frame[frames])

    def gather(self, frames: tf.Tensor) -> tf.Tensor:
        """Like `read`, in a TensorFlow graph."""
        images = tf.numpy_function(self.read, [frames], tf.uint8)
        return tf.ensure_shape(images, (None, *self._shape))


def open_images(table: FrameTable, image_size: int) -> GraphImages:
    """Opens the images of `table` by frame number: in memory within `MEMORY_BUDGET`, else from the disk."""
    if table.folder is None:
        raise ValueError("the table is of arrays, whose images are in memory already")
    prepare_host()
    on_disk = DiskImages(RecordImages(table.folder), table.record, image_size)
    if len(table) * image_size * image_size * 3 > MEMORY_BUDGET:
        return on_disk
    return MemoryImages(on_disk.read(np.arange(len(table))))
