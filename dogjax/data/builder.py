"""Frames as a TensorFlow Datasets dataset that any `tfds` user can load.

`tfds.builder_from_directory(folder)` finds everything that this module writes: PNG images (lossless)
and their columns in ArrayRecord files, which can be read in any order.
"""

import contextlib
import io
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

SPLIT = "frames"
COLUMNS = ("frame_id", "label", "recording", "background", "time", "sharpness")


class Example(NamedTuple):
    """One frame, its columns and its label's name. `image` is uint8 `[side, side, 3]`."""

    frame_id: str
    image: np.ndarray
    label: str
    recording: str
    background: str
    time: float
    sharpness: float


class DogFrames(tfds.core.GeneratorBasedBuilder):
    """The TFDS builder. `examples` may come in any order: TFDS orders them by a hash of the frame id."""

    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, *, examples: Iterable[Example], label_names: list[str], image_size: int, **kwargs: Any) -> None:
        self._examples = examples
        self._label_names = label_names
        self._image_size = image_size
        super().__init__(**kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description="Frames of videos of dogs, taken at a fixed rate.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(self._image_size, self._image_size, 3), encoding_format="png"),
                    "label": tfds.features.ClassLabel(names=self._label_names),
                    "recording": tfds.features.Text(),
                    "background": tfds.features.Text(),
                    "time": tfds.features.Scalar(np.float64),
                    "sharpness": tfds.features.Scalar(np.float32),
                    "frame_id": tfds.features.Text(),
                }
            ),
            supervised_keys=("image", "label"),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        del dl_manager  # nothing is downloaded
        return {SPLIT: self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for example in self._examples:
            yield example.frame_id, example._asdict()


def write_dataset(folder: pathlib.Path, examples: Iterable[Example], label_names: list[str], image_size: int) -> None:
    """Writes the dataset under `folder`, with an index of its columns for a quick start."""
    tfds.disable_progress_bar()
    times: dict[str, float] = {}
    builder = DogFrames(
        examples=_noting_times(examples, times),
        label_names=label_names,
        image_size=image_size,
        data_dir=folder,
        file_format="array_record",
    )
    # TFDS prints that it downloads something, and names a temporary folder: neither is of use to anybody.
    with contextlib.redirect_stdout(io.StringIO()):
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(try_download_gcs=False))
    source = _open(pathlib.Path(builder.data_dir))
    # Only the columns are kept of each record: the images of all of them may not fit into memory.
    rows = [[_text(row[name]) for name in COLUMNS] for row in (source[i] for i in range(len(source)))]
    columns: dict[str, Any] = {name: np.array(values) for name, values in zip(COLUMNS, zip(*rows))}
    # TFDS keeps numbers in 32 bits, whatever their type: a microsecond is lost after the first seconds.
    columns["time"] = np.array([times[frame_id] for frame_id in columns["frame_id"]])
    np.savez(folder / "index.npz", label_names=np.array(label_names), **columns)


def _noting_times(examples: Iterable[Example], times: dict[str, float]) -> Iterator[Example]:
    for example in examples:
        times[example.frame_id] = example.time
        yield example


def dataset_folder(folder: pathlib.Path) -> pathlib.Path:
    """The folder to hand to `tfds.builder_from_directory`."""
    return folder / "dog_frames" / str(DogFrames.VERSION)


def read_index(folder: pathlib.Path) -> dict[str, np.ndarray]:
    """The columns, in the order of the records, and `label_names`."""
    with np.load(folder / "index.npz", allow_pickle=False) as index:
        return dict(index)


class RecordImages:
    """Images of a written dataset by record number, read from the disk when asked for."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._source = _open(dataset_folder(folder))

    def read(self, records: np.ndarray) -> np.ndarray:
        """uint8 `[records, side, side, 3]`."""
        rows = self._source.__getitems__([int(record) for record in records])
        return np.stack([tf.io.decode_png(row["image"], channels=3).numpy() for row in rows])


def _open(dataset: pathlib.Path) -> Any:
    # Images stay encoded: TFDS would need Pillow or OpenCV to decode them, and TensorFlow is here already.
    decoders = {"image": tfds.decode.SkipDecoding()}
    builder: Any = tfds.builder_from_directory(dataset)
    return builder.as_data_source(split=SPLIT, decoders=decoders)


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value
