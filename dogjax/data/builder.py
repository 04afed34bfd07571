"""Writes frames as a TensorFlow Datasets dataset that any `tfds` user can load, and reads its images.

`tfds.builder_from_directory(folder)` finds everything that this module writes: PNG images (lossless)
and their columns in ArrayRecord files, which can be read in any order.
"""

import contextlib
import io
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from dogjax.data.table import COLUMNS, GROUP, INDEX
from dogjax.errors import UserError

SPLIT = "frames"


class Example(NamedTuple):
    """One frame, its columns, its label's name and its further groups. `image` is uint8 `[side, side, 3]`."""

    frame_id: str
    image: np.ndarray
    label: str
    recording: str
    background: str
    time: float
    sharpness: float
    groups: Mapping[str, str] = MappingProxyType({})


class Frames(tfds.core.GeneratorBasedBuilder):
    """The TFDS builder. `examples` may come in any order: TFDS orders them by a hash of the frame id."""

    VERSION = tfds.core.Version("1.0.0")

    def __init__(
        self,
        *,
        examples: Iterable[Example],
        label_names: Sequence[str],
        groups: Sequence[str],
        image_size: int,
        **kwargs: Any,
    ) -> None:
        self._examples = examples
        self._groups = groups
        self._label_names = label_names
        self._image_size = image_size
        super().__init__(**kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description="Frames for a classifier, with the recording and the background that each comes from.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(self._image_size, self._image_size, 3), encoding_format="png"),
                    "label": tfds.features.ClassLabel(names=self._label_names),
                    "recording": tfds.features.Text(),
                    "background": tfds.features.Text(),
                    "time": tfds.features.Scalar(np.float64),
                    "sharpness": tfds.features.Scalar(np.float32),
                    "frame_id": tfds.features.Text(),
                    **{GROUP + name: tfds.features.Text() for name in self._groups},
                }
            ),
            supervised_keys=("image", "label"),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        del dl_manager  # nothing is downloaded
        return {SPLIT: self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for example in self._examples:
            columns = example._asdict()
            groups = columns.pop("groups")
            yield example.frame_id, columns | {GROUP + name: groups[name] for name in self._groups}


def write_dataset(
    folder: pathlib.Path,
    examples: Iterable[Example],
    label_names: Sequence[str],
    image_size: int,
    groups: Sequence[str] = (),
) -> None:
    """Writes the dataset under `folder`, with an index of its columns for a quick start.

    Args:
      folder: an empty one.
      examples: in any order.
      label_names: one name a class.
      image_size: side of the square frames, in pixels.
      groups: the names of the further groups that every example has.
    """
    tfds.disable_progress_bar()
    times: dict[str, float] = {}
    builder = Frames(
        examples=_noting_times(examples, times),
        label_names=list(label_names),
        groups=groups,
        image_size=image_size,
        data_dir=folder,
        file_format="array_record",
    )
    # TFDS prints that it downloads something, and names a temporary folder: neither is of use to anybody.
    with contextlib.redirect_stdout(io.StringIO()):
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(try_download_gcs=False))
    source = _open(pathlib.Path(builder.data_dir))
    # Only the columns are kept of each record: the images of all of them may not fit into memory.
    names = (*COLUMNS, *(GROUP + name for name in groups))
    rows = [[_text(row[name]) for name in names] for row in (source[i] for i in range(len(source)))]
    columns: dict[str, Any] = {name: np.array(values) for name, values in zip(names, zip(*rows))}
    # TFDS keeps numbers in 32 bits, whatever their type: a microsecond is lost after the first seconds.
    columns["time"] = np.array([times[frame_id] for frame_id in columns["frame_id"]])
    np.savez(folder / INDEX, label_names=np.array(label_names), **columns)


def _noting_times(examples: Iterable[Example], times: dict[str, float]) -> Iterator[Example]:
    for example in examples:
        times[example.frame_id] = example.time
        yield example


def dataset_folder(folder: pathlib.Path) -> pathlib.Path:
    """Returns the folder to hand to `tfds.builder_from_directory`."""
    return folder / Frames.name / str(Frames.VERSION)


class RecordImages:
    """Images of a written dataset by record number, read from the disk when asked for."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self._source = _open(dataset_folder(folder))

    def read(self, records: np.ndarray) -> np.ndarray:
        """Returns uint8 `[records, side, side, 3]`.

        Raises:
          UserError: a record is damaged.
        """
        try:
            rows = self._source.__getitems__([int(record) for record in records])
            return np.stack([tf.io.decode_png(row["image"], channels=3).numpy() for row in rows])
        except (ValueError, IndexError, RuntimeError, tf.errors.OpError) as error:  # checksums of records and of PNG
            raise UserError(
                f"{self._folder}: these prepared frames are damaged; remove the folder, and they are prepared again"
            ) from error


def _open(dataset: pathlib.Path) -> Any:
    # Images stay encoded: TFDS would need Pillow or OpenCV to decode them, and TensorFlow is here already.
    decoders = {"image": tfds.decode.SkipDecoding()}
    builder: Any = tfds.builder_from_directory(dataset)
    return builder.as_data_source(split=SPLIT, decoders=decoders)


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value
