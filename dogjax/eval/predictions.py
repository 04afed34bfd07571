"""Writes and reads the logits of every validation frame: one file an epoch, keyed by frame id."""

import dataclasses
import pathlib
import re

import numpy as np

from dogjax.errors import UserError
from dogjax.files import replacing

PREDICTIONS_FILE = re.compile(r"epoch_(\d{4,})\.npz")


@dataclasses.dataclass(frozen=True)
class Predictions:
    """One epoch's predictions.

    Attributes:
      frame_id: text `[frames]`.
      label: int32 `[frames]`.
      logits: float32 `[frames, classes]`.
    """

    frame_id: np.ndarray
    label: np.ndarray
    logits: np.ndarray


def write_predictions(
    workdir: pathlib.Path, epoch: int, frame_ids: np.ndarray, labels: np.ndarray, logits: np.ndarray
) -> None:
    """Writes `predictions/epoch_0001.npz` and so on: whole or not at all, the same bytes for the same content.

    Args:
      workdir: the run's folder.
      epoch: the number of finished epochs, from 1.
      frame_ids: text `[frames]`.
      labels: int `[frames]`.
      logits: float `[frames, classes]`.

    Raises:
      ValueError: the arrays differ in the number of frames.
    """
    if not len(frame_ids) == len(labels) == len(logits):
        raise ValueError(f"{len(frame_ids)} frame ids, {len(labels)} labels and {len(logits)} logits: give one a frame")
    with replacing(_path(workdir, epoch)) as temporary, temporary.open("wb") as file:
        # Compressed for the ids: NumPy keeps four bytes a character. The width of the text and the order
        # in memory go into the file too, so both are made the narrowest and the plain one.
        np.savez_compressed(
            file,
            frame_id=np.asarray(np.asarray(frame_ids).tolist(), np.str_),
            label=np.asarray(labels, np.int32),
            logits=np.asarray(logits, np.float32, order="C"),
        )


def read_predictions(workdir: pathlib.Path, epoch: int) -> Predictions:
    """Reads the predictions after `epoch` finished epochs.

    Raises:
      FileNotFoundError: that epoch has no file.
      UserError: the file is damaged.
    """
    path = _path(workdir, epoch)
    try:
        # Opened here: NumPy leaves a file open that it cannot read.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            found = Predictions(arrays["frame_id"], arrays["label"], arrays["logits"])
        if not found.logits.ndim == 2 or not len(found.frame_id) == len(found.label) == len(found.logits):
            raise ValueError("arrays of different lengths")
    except FileNotFoundError:
        raise
    except Exception as error:  # whatever the damage makes zipfile or NumPy raise
        raise UserError(
            f"{path}: is damaged ({type(error).__name__}); remove this file, a diagnosis uses the other epochs"
        ) from error
    return found


def epochs_with_predictions(workdir: pathlib.Path) -> list[int]:
    """Lists the numbers of the epochs that have a file, in order."""
    matches = (PREDICTIONS_FILE.fullmatch(path.name) for path in (workdir / "predictions").glob("epoch_*.npz"))
    return sorted(int(match[1]) for match in matches if match)


def _path(workdir: pathlib.Path, epoch: int) -> pathlib.Path:
    return workdir / "predictions" / f"epoch_{epoch:04d}.npz"
