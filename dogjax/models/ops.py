"""Convolution and max-pooling that mean what XLA's mean, and are faster on a CPU.

On a CPU a network keeps its images in lanes, `[height, width, channels, batch]`: what is done to one image is
done to all at once, in runs of as many neighbouring numbers as there are images, which is what a core adds,
compares and copies best. There convolutions are `spectral.py`'s and poolings are `pooling.py`'s.

Accelerators keep images as they come, `[batch, height, width, channels]`, and XLA's own convolutions. Their poolings
are `pooling.py`'s too: XLA's gradient of a pooling (select-and-scatter) has no deterministic form on a GPU.
"""

import jax
import jax.numpy as jnp
from jax import lax

from dogjax import runtime
from dogjax.models import pooling, spectral

Pair = tuple[int, int]


def conv2d(images: jax.Array, kernel: jax.Array, strides: Pair = (1, 1)) -> jax.Array:
    """Cross-correlation without padding: `lax.conv_general_dilated` of NHWC images and an HWIO kernel.

    Args:
      images: float `[batch, height, width, in]`.
      kernel: of the same type, `[kernel height, kernel width, in, out]`, no larger than an image.
      strides: vertical and horizontal.

    Returns:
      `[batch, (height - kernel height) // stride + 1, ..., out]`, of the same type. On a CPU
      other sums are rounded than XLA's.
    """
    if uses_lanes():
        return from_lanes(spectral.convolve(to_lanes(images), kernel, strides))
    return lax.conv_general_dilated(images, kernel, strides, "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def max_pool(images: jax.Array, window: int, stride: int) -> jax.Array:
    """Largest entry of each window that lies within the image; its gradient goes to the first such entry.

    Args:
      images: float `[batch, height, width, channels]`, no smaller than a window.
      window: side of the square window, in pixels.
      stride: in both directions, in pixels.

    Returns:
      `[batch, (height - window) // stride + 1, ..., channels]`.
    """
    return pooling.pool_axis(pooling.pool_axis(images, 2, window, stride), 1, window, stride)


def conv2d_and_max_pool(images: jax.Array, kernel: jax.Array, window: int, stride: int) -> jax.Array:
    """`max_pool(conv2d(images, kernel), window, stride)` of images in the network's own layout.

    Args:
      images: what `enter` or this function returned.
      kernel: as of `conv2d`.
      window: as of `max_pool`.
      stride: likewise.
    """
    if uses_lanes():
        return spectral.convolve(images, kernel, pool=(window, stride))
    return max_pool(conv2d(images, kernel), window, stride)


def uses_lanes() -> bool:
    """Whether a network keeps its images in lanes; looked at when a function is traced."""
    return not runtime.on_accelerator()


def channel_axis() -> int:
    """The axis of the channels in the network's own layout."""
    return 2 if uses_lanes() else 3


def enter(images: jax.Array) -> jax.Array:
    """`[batch, height, width, channels]` in the network's own layout; its numbers must be finite."""
    if not uses_lanes():
        return images
    # A product with the identity: XLA's transposition reads a number of every image in turn, and images that lie
    # a power of two apart push one another out of the cache.
    flat = images.reshape(len(images), -1)
    lanes = lax.dot_general(flat, jnp.eye(len(images), dtype=images.dtype), (((0,), (0,)), ((), ())))
    return lanes.reshape(*images.shape[1:], -1)


def leave(images: jax.Array) -> jax.Array:
    """The inverse of `enter`."""
    return from_lanes(images) if uses_lanes() else images


def to_lanes(images: jax.Array) -> jax.Array:
    """`[batch, height, width, channels]` to `[height, width, channels, batch]`."""
    return jnp.moveaxis(images, 0, -1)


def from_lanes(images: jax.Array) -> jax.Array:
    """The inverse of `to_lanes`."""
    return jnp.moveaxis(images, -1, 0)
