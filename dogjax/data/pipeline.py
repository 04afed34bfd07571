"""Batches as pure functions of the step, computed by tf.data on the host.

Training batch t depends on the seeds and on t alone: its epoch is t // steps_per_epoch, the epoch's
order is a stateless permutation seeded by stream `order`, and a frame's augmentation is seeded by
stream `augment`, the epoch and the frame. No iterator has a state worth saving, so a run that
resumes at step t starts its pipeline at step t.
"""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from dogjax.config import Config
from dogjax.data.augment import augment_batch
from dogjax.data.batching import Batching, check_batch_size
from dogjax.data.frames import GraphImages
from dogjax.data.host import compiled
from dogjax.data.pixels import measure_scaling
from dogjax.data.splits import Split
from dogjax.data.table import FrameTable
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

    def train_frames(self, step: int) -> np.ndarray:
        """Returns the frame numbers of one training batch."""
        return next(self.train_batches(step, step + 1))["frame"]

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
        order, augment = (tf.constant(self.streams.tf_seed(name)) for name in ("order", "augment"))

        def load(step: tf.Tensor) -> dict[str, tf.Tensor]:
            epoch = step // self.steps_per_epoch
            first = (step - epoch * self.steps_per_epoch) * self.batch_size
            chosen = _shuffled(self.split.train, _fold_in(order, epoch), first, self.batch_size)
            images = augment_batch(self.images.gather(chosen), chosen, self.config.augment, _fold_in(augment, epoch))
            return self._batch(images, chosen)

        return tf.function(load, autograph=False)

    @functools.cached_property
    def _load_validation(self) -> Load:
        augment = tf.constant(self.streams.tf_seed("augment"))
        padded, mask = self.validation_rows()
        count = self.validation_steps

        def load(number: tf.Tensor) -> dict[str, tf.Tensor]:
            epoch = number // count
            chosen, kept = (tf.gather(tf.constant(rows), number - epoch * count) for rows in (padded, mask))
            images = self.images.gather(chosen)
            if self.config.augment.validation:
                images = augment_batch(images, chosen, self.config.augment, _fold_in(augment, epoch))
            return self._batch(images, chosen) | {"mask": kept}

        return tf.function(load, autograph=False)

    @functools.cached_property
    def _load_clean(self) -> Load:
        def load(chosen: tf.Tensor) -> dict[str, tf.Tensor]:
            return self._batch(self.images.gather(chosen), chosen)

        return tf.function(load, autograph=False)

    def _batch(self, images: tf.Tensor, frames: tf.Tensor) -> dict[str, tf.Tensor]:
        return {
            "image": _scaled(images, tf.constant(self.scaling.shift), tf.constant(self.scaling.scale)),
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


@compiled
def _scaled(images: tf.Tensor, shift: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
    return (tf.cast(images, tf.float32) - shift) / scale


def _shuffled(frames: np.ndarray, seed: tf.Tensor, start: tf.Tensor, size: int) -> tf.Tensor:
    """Entries `start`, ..., `start + size - 1` of the permutation of `frames` that `seed` names.

    Each position is mapped by itself by a block cipher, so no permutation is ever held in memory.
    """
    positions = tf.range(start, tf.minimum(start + size, len(frames)))
    shuffled = tf.random.experimental.index_shuffle(positions, seed, tf.constant(len(frames) - 1, tf.int64))
    return tf.gather(tf.constant(frames), shuffled)


def _fold_in(seed: tf.Tensor, counter: tf.Tensor) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(seed, counter)


def _iterate(dataset: tf.data.Dataset, load: Load) -> Any:
    loaded = dataset.map(load, num_parallel_calls=len(os.sched_getaffinity(0)), deterministic=True).prefetch(PREFETCH)
    # No number here is left to be tuned. The tuner sleeps for up to a minute at a time, and an iterator that is dropped
    # meanwhile may wait for it to wake.
    options = tf.data.Options()
    options.autotune.enabled = False
    return loaded.with_options(options).as_numpy_iterator()
