"""The frames of a prepared dataset as a table, apart from their images. It needs no TensorFlow."""

import dataclasses
import pathlib
from typing import Any, Protocol

import numpy as np

from dogjax.errors import UserError

# The columns that every prepared dataset has. A list of clips may add groups of its own.
COLUMNS = ("frame_id", "label", "recording", "background", "time", "sharpness")
INDEX = "index.npz"
# What stands before the name of an added group in the index.
GROUP = "group:"


class Images(Protocol):
    """Images by frame number."""

    def read(self, frames: np.ndarray) -> np.ndarray:
        """Returns uint8 `[frames, side, side, 3]`."""
        ...


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A dataset of frames.

    Attributes:
      folder: where it lies on the disk; None for arrays.
      fingerprint: a hash of its content, and of the settings and versions that change a pixel.
      description: the content of `dataset.json`.
    """

    folder: pathlib.Path | None
    fingerprint: str
    description: dict[str, Any]

    def describe(self) -> dict[str, Any]:
        """Returns the content of `dataset.json`."""
        return self.description

    @property
    def problems(self) -> list[str]:
        """A sentence for each file that was left out."""
        return self.description["problems"]


@dataclasses.dataclass(frozen=True)
class FrameTable:
    """Frames in the order of their ids.

    Attributes:
      frame_id: `[frames]` text, a name that is the same on every machine: the clip's path in its folder and the time,
        or TFDS's split and id.
      label: int32 `[frames]`, an index into `label_names`.
      recording: `[frames]` text, empty where the source names none; likewise `background`.
      time: float64 `[frames]`, seconds from the recording's first frame.
      sharpness: float32 `[frames]`, variance of the Laplacian.
      record: int64 `[frames]`, the number of each frame's record on the disk.
      label_names: one name a class.
      folder: the prepared dataset; None for arrays.
      groups: further columns that a split can keep together, `[frames]` text each.
    """

    frame_id: np.ndarray
    label: np.ndarray
    recording: np.ndarray
    background: np.ndarray
    time: np.ndarray
    sharpness: np.ndarray
    record: np.ndarray
    label_names: tuple[str, ...]
    folder: pathlib.Path | None = None
    groups: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frame_id)

    def take(self, frames: np.ndarray) -> "FrameTable":
        """Returns the table of the given frames alone."""
        columns = {name: getattr(self, name)[frames] for name in (*COLUMNS, "record")}
        groups = {name: values[frames] for name, values in self.groups.items()}
        return dataclasses.replace(self, **columns, groups=groups)

    def ids(self, frames: np.ndarray) -> list[str]:
        """Returns the ids of the given frames, as plain text."""
        return [str(name) for name in self.frame_id[frames]]


def read_index(folder: pathlib.Path) -> dict[str, np.ndarray]:
    """Reads the columns, in the order of the records, and `label_names`."""
    with np.load(folder / INDEX, allow_pickle=False) as index:
        return dict(index)


def load_frames(folder: pathlib.Path, merge_labels: tuple) -> FrameTable:
    """Reads the table of a prepared dataset, and merges labels. A class without frames is left out.

    Args:
      folder: of a prepared dataset.
      merge_labels: labels that become one class called `a+b`: a tuple of labels, or several of them.

    Raises:
      UserError: a label to merge does not exist or is named twice, or a single class would be left.
    """
    index = read_index(folder)
    used = np.unique(index["label"])
    names = tuple(str(name) for name in index["label_names"][used])
    order = np.argsort(index["frame_id"], kind="stable")
    merged, mapping = merge_classes(names, merge_labels)
    return FrameTable(
        frame_id=index["frame_id"][order],
        label=mapping[np.searchsorted(used, index["label"])][order],
        recording=index["recording"][order],
        background=index["background"][order],
        time=index["time"][order],
        sharpness=index["sharpness"][order],
        record=order.astype(np.int64),
        label_names=merged,
        folder=folder,
        groups={name.removeprefix(GROUP): index[name][order] for name in index if name.startswith(GROUP)},
    )


def merge_classes(names: tuple[str, ...], merge_labels: tuple) -> tuple[tuple[str, ...], np.ndarray]:
    """Merges labels into classes.

    Returns:
      The names of the classes, and the class (int32) of each label.

    Raises:
      UserError: as `load_frames`.
    """
    groups = merge_labels if any(isinstance(group, tuple) for group in merge_labels) else (merge_labels,)
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
        raise UserError(f"the data hold one class alone, '{names[0]}', and nothing to tell apart; add another class")
    if len(merged) < 2:
        raise UserError(f"data.merge_labels={merge_labels}: one class would be left, and nothing to tell apart")
    return merged, np.array([merged.index(new_name[name]) for name in names], np.int32)
