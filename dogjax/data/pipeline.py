"""Batches computed by tf.data on the host."""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from dogjax.config import AugmentConfig, Config
from dogjax.data.augment import augment, changes_of, scaled
from dogjax.data.batching import Batching, check_batch_size
from dogjax.data.frames import GraphImages
from dogjax.data.host import TENSORFLOW, compiled
from dogjax.data.pixels import measure_scaling
from dogjax.data.splits import Split
from dogjax.data.table import FrameTable
from dogjax.data.transforms import Transforms, changes_frames
from dogjax.prng import Streams

# Batches that wait on the host.
PREFETCH = 2

Batch = dict[str, np.ndarray]
# A function of an element of a dataset, in a TensorFlow graph.
Load = Callable[..., dict[str, tf.Tensor]]


@dataclasses.dataclass(frozen=True)
class Pipeline(Batching):
    """The batches of one run; fulfils `dogjax.train.batches.Batches`."""

    images: GraphImages
    kind: ClassVar[str] = "tf.data"

    def train_batches(self, start: int, stop: int) -> Iterator[Batch]:
        """Yields the training batches of the steps `start`, ..., `stop - 1`."""
        return _iterate(tf.data.Dataset.range(start, stop), self._load_train)

    def validation_batches(self, epoch: int, epochs: int = 1) -> Iterator[Batch]:
        """Yields every validation frame once an epoch, in order; each epoch's last batch is padded to the full size.

        Clean, unless `augment.validation` asks for the augmentation of the epoch.

        Args:
          epoch: the first one.
          epochs: how many, one after the other.
        """
        first, count = epoch * self.validation_steps, epochs * self.validation_steps
        return _iterate(tf.data.Dataset.range(first, first + count), self._load_validation)

    def clean_training_batches(self, limit: int) -> Iterator[Batch]:
        """Yields at most `limit` training frames without augmentation, in full batches of one size."""
        return _iterate(tf.data.Dataset.from_tensor_slices(self.clean_rows(limit)), self._load_clean)

    # Traced once a run, not once an epoch: tracing the augmentation takes longer than a small epoch.

    @functools.cached_property
    def _load_train(self) -> Load:
        def load(step: tf.Tensor) -> dict[str, tf.Tensor]:
            visits = _computed(self.train_visits, [step], tf.int64, [None])
            return self._batch(self._augmented(visits, step // self.steps_per_epoch), self.frames_of(visits))

        return tf.function(load, autograph=False)

    @functools.cached_property
    def _load_validation(self) -> Load:
        padded, mask = self.validation_rows()
        count = self.validation_steps

        def load(number: tf.Tensor) -> dict[str, tf.Tensor]:
            epoch = number // count
            chosen, kept = (tf.gather(tf.constant(rows), number - epoch * count) for rows in (padded, mask))
            augmented = self.config.augment.validation
            images = self._augmented(chosen, epoch) if augmented else self.images.gather(chosen)
            return self._batch(images, chosen) | {"mask": kept}

        return tf.function(load, autograph=False)

    @functools.cached_property
    def _load_clean(self) -> Load:
        def load(chosen: tf.Tensor) -> dict[str, tf.Tensor]:
            return self._batch(self.images.gather(chosen), chosen)

        return tf.function(load, autograph=False)

    def _augmented(self, visits: tf.Tensor, epoch: tf.Tensor) -> tf.Tensor:
        images, config = self.images.gather(self.frames_of(visits)), self.config.augment
        if not changes_frames(config):
            return images
        stacked = _computed(self._stacked_transforms, [visits, epoch], tf.float32, [len(Transforms._fields), None])
        return augment_in_graph(images, Transforms(*tf.unstack(stacked)), config)

    def _stacked_transforms(self, visits: np.ndarray, epoch: int) -> np.ndarray:
        return np.stack(self.transforms(visits, epoch))

    def _batch(self, images: tf.Tensor, frames: tf.Tensor) -> dict[str, tf.Tensor]:
        return {
            "image": _scaled(images, *map(tf.constant, self.scaling)),
            "label": tf.gather(tf.constant(self.table.label), frames),
            "frame": frames,
            "mask": tf.ones(tf.shape(frames), tf.float32),
        }


def make_pipeline(table: FrameTable, images: GraphImages, split: Split, config: Config, streams: Streams) -> Pipeline:
    """Makes the pipeline of a run; measures the input scaling on the training frames.

    Raises:
      UserError: `train.batch_size` does not suit the data.
    """
    check_batch_size(len(table), len(split.train), config)
    return Pipeline(table, images, split, config, streams, measure_scaling(images, split.train, config.data.scale))


def augment_in_graph(images: tf.Tensor, transforms: Transforms, config: AugmentConfig) -> tf.Tensor:
    """Augments uint8 `[batch, side, side, 3]` in a TensorFlow graph: float32 in 0..255."""
    side = images.shape[1]
    assert side is not None  # frames are of a static size
    return _augmented(images, changes_of(transforms, side, config), config)


# Each batch size is compiled anew. A frame's bits do not depend on it: a compiler may round a product and its sum
# together or apart, but the only ones here are the interpolation's, which it treats alike everywhere.
_augmented = compiled(functools.partial(augment, TENSORFLOW))
_scaled = compiled(functools.partial(scaled, TENSORFLOW))


def _computed(
    function: Callable[..., np.ndarray], arguments: list[tf.Tensor], dtype: tf.DType, shape: list
) -> tf.Tensor:
    """What a function of NumPy gives, in a TensorFlow graph."""
    return tf.ensure_shape(tf.numpy_function(function, arguments, dtype), shape)


def _iterate(dataset: tf.data.Dataset, load: Load) -> Any:
    loaded = dataset.map(load, num_parallel_calls=len(os.sched_getaffinity(0)), deterministic=True).prefetch(PREFETCH)
    # No number here is left to be tuned. The tuner sleeps for up to a minute at a time, and an iterator that is dropped
    # meanwhile may wait for it to wake.
    options = tf.data.Options()
    options.autotune.enabled = False
    return loaded.with_options(options).as_numpy_iterator()
