"""Datasets of the TensorFlow Datasets catalogue, by name: `stanford_dogs`, `oxford_iiit_pet`, ..."""

import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from tqdm import tqdm

from dogjax.config import DataConfig
from dogjax.data.builder import Example, write_dataset
from dogjax.data.pixels import measure_sharpness
from dogjax.data.sources.source import Source
from dogjax.errors import UserError
from dogjax.files import expand_path, sha256_of_file

# A tfds.core.DatasetBuilder: what it has depends on the dataset, and is checked here.
Builder = Any


def open_source(config: DataConfig, cache: pathlib.Path) -> Source:
    """Opens the dataset `data.name`, prepared by TFDS if it was not."""
    del cache
    builder = open_builder(config.name, config.path)
    names = label_names(builder)

    def write(folder: pathlib.Path) -> list[str]:
        bar = tqdm(read_examples(builder, config.image_size), "reading frames", unit=" frames", disable=None)
        write_dataset(folder, bar, names, config.image_size)
        return []

    content = {"decoder": tf.version.VERSION, "tfds": identity(builder)}
    return Source(content, write, notes=_notes(builder))


def open_builder(name: str, data_dir: str) -> Builder:
    """Opens the dataset `name`; downloads it, through TFDS, where it is not in `data_dir` yet.

    Raises:
      UserError: no such dataset, not a dataset of labelled images, or it cannot be downloaded.
    """
    folder = expand_path("data.path", data_dir) if data_dir else None
    try:
        builder = tfds.builder(name, data_dir=folder)
    except tfds.core.registered.DatasetNotFoundError as error:
        raise UserError(f"data.name='{name}': TFDS knows no such dataset; see its catalogue for the names") from error
    except Exception as error:  # a malformed name, an unknown version, a missing package: each of another type
        # The first line says it; those below are advice to authors of datasets.
        reason = str(error).strip().split("\n")[0]
        raise UserError(f"data.name='{name}': TFDS cannot load it ({reason}); write NAME, or NAME:VERSION") from error
    if not _is_labelled_image(builder):
        raise UserError(f"data.name='{name}': not a dataset of labelled images; use one such as stanford_dogs")
    features: Any = builder.info.features
    image = features[_keys(builder)[0]]
    if image.np_dtype != np.uint8 or image.shape[-1] not in (None, 1, 3):
        raise UserError(
            f"data.name='{name}': its images are {np.dtype(image.np_dtype).name} with {image.shape[-1]} channels; "
            "use a dataset of grey or RGB images with 8 bits a channel"
        )
    try:
        builder.download_and_prepare()
    except Exception as error:  # TFDS lets through whatever its download, checksum or disk raised
        raise UserError(
            f"data.name='{name}': TFDS could not prepare it ({type(error).__name__}: {error}); "
            "prepare it where there is a network, and set data.path to its data_dir"
        ) from error
    return builder


def identity(builder: Builder) -> list[Any]:
    """Names the content: the dataset's name and version, its labels, and the bytes of its record files."""
    files = sorted(pathlib.Path(file) for info in builder.info.splits.values() for file in info.filepaths)
    return [builder.info.full_name, label_names(builder), [[file.name, sha256_of_file(file)] for file in files]]


def _notes(builder: Builder) -> list[str]:
    """Says that the official splits are pooled."""
    splits = sorted(builder.info.splits)
    if len(splits) < 2:
        return []
    return [
        f"the splits {', '.join(splits)} of '{builder.info.name}' are pooled and split anew by split.strategy: scores "
        "are not those of its official test split"
    ]


def label_names(builder: Builder) -> list[str]:
    """Lists the names of the classes."""
    return list(builder.info.features[_keys(builder)[1]].names)


def read_examples(builder: Builder, image_size: int) -> Iterator[Example]:
    """Yields every example of every split, resized (antialiased) to a square of `image_size` pixels.

    The catalogue's images are independent photographs: they have no recording, background or time.
    """
    image_key, label_key = _keys(builder)
    names = label_names(builder)
    config = tfds.ReadConfig(add_tfds_id=True)
    for split in sorted(builder.info.splits):
        dataset = builder.as_dataset(split=split, read_config=config, shuffle_files=False)
        for example in dataset:
            label = int(example[label_key])
            # TFDS marks what has no label by -1, which Python would take for the last label.
            if label < 0:
                raise UserError(
                    f"data.name='{builder.info.name}': its split '{split}' holds images without a label; "
                    "use a dataset whose every image has one"
                )
            image = _resize(example[image_key], image_size)
            frame_id = f"{split}/{example['tfds_id'].numpy().decode()}"
            yield Example(frame_id, image, names[label], "", "", 0.0, measure_sharpness(image))


def _keys(builder: Builder) -> Any:
    return builder.info.supervised_keys


def _is_labelled_image(builder: Builder) -> bool:
    keys = _keys(builder)
    if keys is None or len(keys) != 2 or not all(isinstance(key, str) for key in keys):
        return False
    image, label = (builder.info.features[key] for key in keys)
    return isinstance(image, tfds.features.Image) and isinstance(label, tfds.features.ClassLabel)


def _resize(image: tf.Tensor, image_size: int) -> np.ndarray:
    resized = tf.image.resize(image, (image_size, image_size), antialias=True)
    pixels = np.rint(np.clip(resized.numpy(), 0, 255)).astype(np.uint8)
    return np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels
