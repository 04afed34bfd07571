"""The frames of a prepared dataset as a table: columns in memory, images in memory while they fit."""

import dataclasses
import pathlib
from typing import Protocol

import numpy as np
import tensorflow as tf

from dogjax.data.builder import RecordImages, read_index
from dogjax.errors import UserError

# Beyond this many bytes images are read from the disk as they are needed, so that memory stays flat:
# 256 MiB are 21,845 frames of 64 x 64 pixels.
MEMORY_BUDGET = 256 * 2**20


@dataclasses.dataclass(frozen=True)
class FrameTable:
    """Frames in the order of their ids.

    Attributes:
      frame_id: `[frames]` text, the clip's path in its folder and the time: the same on every machine.
      label: int32 `[frames]`, an index into `label_names`.
      recording: `[frames]` text, empty where the source names none; likewise `background`.
      time: float64 `[frames]`, seconds from the recording's first frame.
      sharpness: float32 `[frames]`, variance of the Laplacian.
      label_names: one name a class.
      record: int64 `[frames]`, the number of each frame's record on the disk.
      folder: the prepared dataset.
    """

    frame_id: np.ndarray
    label: np.ndarray
    recording: np.ndarray
    background: np.ndarray
    time: np.ndarray
    sharpness: np.ndarray
    record: np.ndarray
    label_names: tuple[str, ...]
    folder: pathlib.Path

    def __len__(self) -> int:
        return len(self.frame_id)

    def take(self, frames: np.ndarray) -> "FrameTable":
        """The table of the given frames alone."""
        columns = ("frame_id", "label", "recording", "background", "time", "sharpness", "record")
        return dataclasses.replace(self, **{name: getattr(self, name)[frames] for name in columns})

    def ids(self, frames: np.ndarray) -> list[str]:
        """The ids of the given frames, as plain text."""
        return [str(name) for name in self.frame_id[frames]]


def load_frames(folder: pathlib.Path, merge_labels: tuple) -> FrameTable:
    """Reads the table of a prepared dataset, and merges labels.

    Args:
      folder: what `prepare` returned.
      merge_labels: labels that become one class called `a+b`: a tuple of labels, or several of them.

    Raises:
      UserError: a label to merge does not exist or is named twice, or a single class would be left.
    """
    index = read_index(folder)
    names = tuple(str(name) for name in index["label_names"])
    order = np.argsort(index["frame_id"], kind="stable")
    merged, mapping = _merge(names, merge_labels)
    return FrameTable(
        frame_id=index["frame_id"][order],
        label=mapping[index["label"][order]],
        recording=index["recording"][order],
        background=index["background"][order],
        time=index["time"][order],
        sharpness=index["sharpness"][order],
        record=order.astype(np.int64),
        label_names=merged,
        folder=folder,
    )


class Images(Protocol):
    """Images by frame number."""

    def read(self, frames: np.ndarray) -> np.ndarray:
        """uint8 `[frames, side, side, 3]`."""
        ...

    def gather(self, frames: tf.Tensor) -> tf.Tensor:
        """Like `read`, in a TensorFlow graph."""
        ...


class MemoryImages:
    """Images held as one array, uint8 `[frames, side, side, 3]`."""

    def __init__(self, array: np.ndarray) -> None:
        self._tensor = tf.constant(array)

    def read(self, frames: np.ndarray) -> np.ndarray:
        """uint8 `[frames, side, side, 3]`."""
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
        """uint8 `[frames, side, side, 3]`."""
        return self._records.read(self._record_of_frame[frames])

    def gather(self, frames: tf.Tensor) -> tf.Tensor:
        """Like `read`, in a TensorFlow graph."""
        images = tf.numpy_function(self.read, [frames], tf.uint8)
        return tf.ensure_shape(images, (None, *self._shape))


def open_images(table: FrameTable, image_size: int) -> Images:
    """The images of `table` by frame number: in memory within `MEMORY_BUDGET`, else from the disk."""
    on_disk = DiskImages(RecordImages(table.folder), table.record, image_size)
    if len(table) * image_size * image_size * 3 > MEMORY_BUDGET:
        return on_disk
    return MemoryImages(on_disk.read(np.arange(len(table))))


def _merge(names: tuple[str, ...], merge_labels: tuple) -> tuple[tuple[str, ...], np.ndarray]:
    """The new names, and the new label (int32) of each old one."""
    groups = merge_labels if any(isinstance(each, tuple) for each in merge_labels) else (merge_labels,)
    new_name = {name: name for name in names}
    for group in groups:
        if len(group) == 1:
            raise UserError(f"data.merge_labels: '{group[0]}' stands alone; name the labels that it is merged with")
        for name in group:
            if name not in new_name:
                raise UserError(
                    f"data.merge_labels: no label '{name}'; the labels are {', '.join(names)} (give them in quotes)"
                )
            if new_name[name] != name:
                raise UserError(f"data.merge_labels: '{name}' stands in two groups; name each label once")
            new_name[name] = "+".join(group)
    merged = tuple(sorted(set(new_name.values())))
    if len(names) == 1:
        raise UserError(f"the data show one dog alone, '{names[0]}', and nothing to tell apart; add another dog")
    if len(merged) < 2:
        raise UserError(f"data.merge_labels={merge_labels}: one class would be left, and nothing to tell apart")
    return merged, np.array([merged.index(new_name[name]) for name in names], np.int32)
