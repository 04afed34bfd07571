"""Batches computed by JAX on the devices, on which all frames lie as bytes: no TensorFlow is imported.

The host sends the number of each frame, and where its rows and columns are read: some 500 bytes for a frame of 64 x 64
pixels. For a frame that is turned it sends 36 bytes, and the device computes where each pixel is read.
"""

import dataclasses
import functools
import weakref
from collections.abc import Iterator
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding

from dogjax.config import AugmentConfig, Config
from dogjax.data.augment import Changes, augment, changes_of, scaled
from dogjax.data.batching import Batching, check_batch_size
from dogjax.data.pixels import measure_scaling
from dogjax.data.splits import Split
from dogjax.data.table import FrameTable, Images
from dogjax.data.transforms import Transforms, changes_frames, turns_frames
from dogjax.data.warp import ArrayFunctions
from dogjax.devices import Devices
from dogjax.errors import UserError
from dogjax.prng import Streams

# The frames may take this share of a device's memory.
SHARE_OF_MEMORY = 0.25

JAX = ArrayFunctions(
    where=jnp.where,
    floor=jnp.floor,
    minimum=jnp.minimum,
    clip=jnp.clip,
    reshape=jnp.reshape,
    amin=functools.partial(jnp.min, axis=(1, 2, 3), keepdims=True),
    amax=functools.partial(jnp.max, axis=(1, 2, 3), keepdims=True),
    floats=lambda values: values.astype(jnp.float32),
    integers=lambda values: values.astype(jnp.int32),
    rows=jax.vmap(lambda image, places: image.at[places].get(mode="promise_in_bounds")),
)


@dataclasses.dataclass(frozen=True)
class DeviceBatches(Batching):
    """The batches of one run; fulfils `dogjax.train.batches.Batches`. `image` lies on the devices already."""

    devices: Devices
    kind: ClassVar[str] = "device"

    def train_batches(self, start: int, stop: int) -> Iterator[dict[str, Any]]:
        """Yields the training batches of the steps `start`, ..., `stop - 1`."""
        augmented = changes_frames(self.config.augment)
        for step in range(start, stop):
            yield self._batch(self.train_visits(step), step // self.steps_per_epoch if augmented else None)

    def validation_batches(self, epoch: int, epochs: int = 1) -> Iterator[dict[str, Any]]:
        """Yields every validation frame once an epoch, in order; each epoch's last batch is padded to the full size.

        Clean, unless `augment.validation` asks for the augmentation of the epoch.

        Args:
          epoch: the first one.
          epochs: how many, one after the other.
        """
        augmented = self.config.augment.validation and changes_frames(self.config.augment)
        for number in range(epoch, epoch + epochs):
            for frames, mask in zip(*self.validation_rows()):
                yield self._batch(frames, number if augmented else None) | {"mask": mask}

    def clean_training_batches(self, limit: int) -> Iterator[dict[str, Any]]:
        """Yields at most `limit` training frames without augmentation, in full batches of one size."""
        return (self._batch(frames, None) for frames in self.clean_rows(limit))

    def _batch(self, visits: np.ndarray, epoch: int | None) -> dict[str, Any]:
        """Loads a batch; `epoch` is None where it is not augmented."""
        frames = self.frames_of(visits)
        changes = None if epoch is None else _changes(self.transforms(visits, epoch), self.config)
        image = _load(
            _resident(self.images, len(self.table), self.devices),
            frames.astype(np.int32),
            changes,
            *(values[np.newaxis, np.newaxis, np.newaxis] for values in self.scaling),
            config=self.config.augment,
            sharding=self.devices.spread(len(frames)),
        )
        mask = np.ones(len(frames), np.float32)
        return {"image": image, "label": self.table.label[frames], "frame": frames, "mask": mask}


def make_device_batches(
    table: FrameTable, images: Images, split: Split, config: Config, streams: Streams, devices: Devices
) -> DeviceBatches:
    """Makes the batches of a run; measures the input scaling on the training frames.

    Raises:
      UserError: the frames do not fit on a device, or `train.batch_size` does not suit the data.
    """
    if not frames_fit(table, config, devices):
        size = _bytes(table, config) / 1e9
        raise UserError(
            f"data.augment_on: {len(table)} frames take {size:.1f} GB, more than a quarter of a device's memory; set "
            "data.augment_on=host, or a smaller data.image_size"
        )
    check_batch_size(len(table), len(split.train), config)
    scaling = measure_scaling(images, split.train, config.data.scale)
    return DeviceBatches(table, images, split, config, streams, scaling, devices)


def frames_fit(table: FrameTable, config: Config, devices: Devices) -> bool:
    """Whether all frames fit on each device."""
    return devices.memory is None or _bytes(table, config) <= SHARE_OF_MEMORY * devices.memory


def _bytes(table: FrameTable, config: Config) -> int:
    return len(table) * config.data.image_size**2 * 3


# Of the images of which somebody still makes batches; the runs of a study share them.
_kept: weakref.WeakKeyDictionary[Images, dict[Mesh, jax.Array]] = weakref.WeakKeyDictionary()


def _resident(images: Images, count: int, devices: Devices) -> jax.Array:
    """Returns all frames, uint8 `[frames, side, side, 3]`, on each device."""
    of_images = _kept.setdefault(images, {})
    if devices.mesh not in of_images:
        of_images[devices.mesh] = devices.replicate(images.read(np.arange(count)))
    return of_images[devices.mesh]


def _changes(transforms: Transforms, config: Config) -> Changes:
    """Computes the changes of a batch, in another program than the one that applies them.

    In one program, a position and its share of the next pixel could be rounded apart, and a pixel be read beside its
    place. Of frames that are not turned the host computes one row and one column each, with the roundings of tf.data's
    batches.
    """
    compute = _computed_changes if turns_frames(config.augment) else changes_of
    return compute(transforms, config.data.image_size, config.augment)


_computed_changes = jax.jit(changes_of, static_argnames=("side", "config"))


# Compiled for a batch size alone, not for some steps at once: the bits of a batch depend on no more than the batch.
@functools.partial(jax.jit, static_argnames=("config", "sharding"))
def _load(
    resident: jax.Array,
    frames: jax.Array,
    changes: Changes | None,
    shift: jax.Array,
    scale: jax.Array,
    *,
    config: AugmentConfig,
    sharding: NamedSharding,
) -> jax.Array:
    """Takes frames out of `resident`, augments them unless `changes` is None, and scales them."""
    images = resident.at[frames].get(mode="promise_in_bounds")
    if changes is not None:
        images = augment(JAX, images, changes, config)
    # A divisor of each pixel's own: by one of a whole channel XLA would not divide, but multiply by its reciprocal.
    divisor = jax.lax.optimization_barrier(jnp.broadcast_to(scale, images.shape))
    return jax.lax.with_sharding_constraint(scaled(JAX, images, shift, divisor), sharding)
