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
from typing import Any

import numpy as np
import tensorflow as tf

from dogjax.config import Config
from dogjax.data.augment import augment_batch
from dogjax.data.frames import FrameTable, Images
from dogjax.data.scaling import Scaling, measure_scaling
from dogjax.data.splits import Split
from dogjax.errors import UserError
from dogjax.prng import Streams

# A batch of validation is padded to the full size, for which so many times all frames would only take memory.
MOST_PADDING = 10
# Batches that wait on the host.
PREFETCH = 2

Batch = dict[str, np.ndarray]
# A function of an element of a dataset, in a TensorFlow graph.
Load = Callable[..., dict[str, tf.Tensor]]


@dataclasses.dataclass(frozen=True)
class Pipeline:
    """The batches of one run.

    A batch holds `image` float32 `[batch, side, side, 3]`, scaled as the configuration says, `label`
    int32 `[batch]`, `frame` int64 `[batch]`, and `mask` float32 `[batch]`, 0 where a frame is padding.
    """

    table: FrameTable
    images: Images
    split: Split
    config: Config
    streams: Streams
    scaling: Scaling

    @property
    def steps_per_epoch(self) -> int:
        """Batches to an epoch, the smaller last one included unless it is dropped."""
        size, frames = self.config.train.batch_size, len(self.split.train)
        return frames // size if self.config.train.drop_remainder else -(-frames // size)

    @property
    def draws(self) -> tuple:
        """Two pipelines with equal `draws` give the same training batches."""
        train, seeds = self.config.train, (self.streams.tf_seed(name).tobytes() for name in ("order", "augment"))
        size = (train.batch_size, train.drop_remainder)
        return self.config.data, self.config.augment, *size, self.split.sha256(self.table), *seeds

    def train_batches(self, start: int, stop: int) -> Iterator[Batch]:
        """Training batches of the steps `start`, ..., `stop - 1`."""
        return _iterate(tf.data.Dataset.range(start, stop), self._load_train)

    def train_frames(self, step: int) -> np.ndarray:
        """Frame numbers of one training batch."""
        return next(self.train_batches(step, step + 1))["frame"]

    @property
    def validation_steps(self) -> int:
        """Batches to an epoch's validation, the padded last one included."""
        return -(-len(self.split.validation) // self._batch_size)

    def validation_batches(self, epoch: int, epochs: int = 1) -> Iterator[Batch]:
        """Every validation frame once an epoch, in order; the last batch of each epoch is padded to the full size.

        Clean, unless `augment.validation` asks for the augmentation of the epoch.

        Args:
          epoch: the first one.
          epochs: how many, one after the other.
        """
        first, count = epoch * self.validation_steps, epochs * self.validation_steps
        return _iterate(tf.data.Dataset.range(first, first + count), self._load_validation)

    def clean_training_batches(self, limit: int) -> Iterator[Batch]:
        """At most `limit` training frames without augmentation, in full batches of one size.

        Batch j takes every k-th frame from the j-th on (k batches): each is an even sample of all dogs
        and times. The fewer than k frames that would not fill their batch are left out.
        """
        frames = self.split.train
        frames = frames[:: max(1, -(-len(frames) // limit))]
        count = -(-len(frames) // self.config.train.batch_size)
        rows = frames[: len(frames) // count * count].reshape(-1, count).T
        return _iterate(tf.data.Dataset.from_tensor_slices(rows), self._load_clean)

    # Traced once a run, not once an epoch: tracing the augmentation takes longer than a small epoch.

    @functools.cached_property
    def _load_train(self) -> Load:
        order, augment = (tf.constant(self.streams.tf_seed(name)) for name in ("order", "augment"))

        def load(step: tf.Tensor) -> dict[str, tf.Tensor]:
            epoch = step // self.steps_per_epoch
            first = (step - epoch * self.steps_per_epoch) * self._batch_size
            chosen = _shuffled(self.split.train, _fold_in(order, epoch), first, self._batch_size)
            images = augment_batch(self.images.gather(chosen), chosen, self.config.augment, _fold_in(augment, epoch))
            return self._batch(images, chosen)

        return tf.function(load, autograph=False)

    @functools.cached_property
    def _load_validation(self) -> Load:
        augment = tf.constant(self.streams.tf_seed("augment"))
        frames, count = self.split.validation, self.validation_steps
        padded = np.resize(frames, count * self._batch_size).reshape(count, -1)
        mask = (np.arange(padded.size) < len(frames)).astype(np.float32).reshape(count, -1)

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

    @property
    def _batch_size(self) -> int:
        return self.config.train.batch_size

    def _batch(self, images: tf.Tensor, frames: tf.Tensor) -> dict[str, tf.Tensor]:
        return {
            "image": self.scaling.apply(images),
            "label": tf.gather(tf.constant(self.table.label), frames),
            "frame": frames,
            "mask": tf.ones(tf.shape(frames), tf.float32),
        }


def make_pipeline(table: FrameTable, images: Images, split: Split, config: Config, streams: Streams) -> Pipeline:
    """The pipeline of a run; measures the input scaling on the training frames.

    Raises:
      UserError: a batch is far larger than all frames, or the training frames do not fill one and the remainder is to
        be dropped.
    """
    if config.train.batch_size > MOST_PADDING * len(table):
        raise UserError(
            f"train.batch_size={config.train.batch_size}: there are {len(table)} frames; use a smaller batch"
        )
    scaling = measure_scaling(images, split.train, config.data.scale)
    pipeline = Pipeline(table, images, split, config, streams, scaling)
    if pipeline.steps_per_epoch == 0:
        raise UserError(
            f"train.batch_size={config.train.batch_size}: training has {len(split.train)} frames and "
            "train.drop_remainder=true drops them all; use a smaller batch, or keep the remainder"
        )
    return pipeline


def _shuffled(frames: np.ndarray, seed: tf.Tensor, start: tf.Tensor, size: int) -> tf.Tensor:
    """Entries `start`, ..., `start + size - 1` of the permutation of `frames` that `seed` names.

    Each place is mapped by itself by a block cipher, so no permutation is ever held in memory.
    """
    places = tf.range(start, tf.minimum(start + size, len(frames)))
    shuffled = tf.random.experimental.index_shuffle(places, seed, tf.constant(len(frames) - 1, tf.int64))
    return tf.gather(tf.constant(frames), shuffled)


def _fold_in(seed: tf.Tensor, counter: tf.Tensor) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(seed, counter)


def _iterate(dataset: tf.data.Dataset, load: Load) -> Any:
    loaded = dataset.map(load, num_parallel_calls=os.cpu_count(), deterministic=True).prefetch(PREFETCH)
    # No number here is left to be tuned. The tuner sleeps for up to a minute at a time, and an iterator that is dropped
    # meanwhile may wait for it to wake.
    options = tf.data.Options()
    options.autotune.enabled = False
    return loaded.with_options(options).as_numpy_iterator()
