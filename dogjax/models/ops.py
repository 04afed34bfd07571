"""Convolution and max-pooling that mean what XLA's mean, and are faster on a CPU.

A convolution is a matrix product with one row an output pixel and one column an output channel. Sixteen or
thirty-two columns starve a core that multiplies and adds eight or sixteen numbers at once. Here a row is a
block of b x b output pixels: its patch of the image times a block-Toeplitz matrix, which holds the kernel
once for each pixel of the block, moved there, and zeros. That multiplies by more numbers, (b - 1 + k)^2
instead of k^2 a pixel, at a higher rate, and copies each pixel into fewer patches. The kernel's gradient, where
XLA loses most, is the product of the same patches and the gradient's blocks. XLA's gradient of the
images is the faster one, and is used.

XLA's gradient of a max-pool searches each window again (select-and-scatter). Here a window is pooled along
its rows, then along its columns, and each pass remembers which entry won.

Accelerators keep XLA's own.
"""

import functools
import math

import jax
import jax.numpy as jnp
from jax import lax

Pair = tuple[int, int]

# A matrix product reaches its rate from about this many columns on.
COLUMNS = 128
# Patches are copied in runs of a block's width; shorter runs than this many numbers cost more than the product.
RUN = 24


def conv2d(images: jax.Array, kernel: jax.Array, strides: Pair = (1, 1)) -> jax.Array:
    """Cross-correlation without padding: `lax.conv_general_dilated` of NHWC images and an HWIO kernel.

    Args:
      images: float `[batch, height, width, in]`.
      kernel: of the same type, `[kernel height, kernel width, in, out]`, no larger than an image.
      strides: vertical and horizontal.

    Returns:
      `[batch, (height - kernel height) // stride + 1, ..., out]`, of the same type. On a CPU sums are
      taken in another order than XLA's.
    """
    if jax.default_backend() == "cpu":
        return _conv2d(images, kernel, strides)
    return _xla_conv2d(images, kernel, strides)


def max_pool(images: jax.Array, window: int, stride: int) -> jax.Array:
    """Largest entry of each window that lies within the image; its gradient goes to the first such entry.

    Args:
      images: float `[batch, height, width, channels]`, no smaller than a window.
      window: side of the square window, in pixels.
      stride: in both directions, in pixels.

    Returns:
      `[batch, (height - window) // stride + 1, ..., channels]`.
    """
    if jax.default_backend() == "cpu":
        return _pool_axis(_pool_axis(images, 2, window, stride), 1, window, stride)
    # A Python scalar: with an array JAX knows no gradient of the reduction.
    return lax.reduce_window(images, -math.inf, lax.max, (1, window, window, 1), (1, stride, stride, 1), "VALID")


def _xla_conv2d(images: jax.Array, kernel: jax.Array, strides: Pair) -> jax.Array:
    return lax.conv_general_dilated(images, kernel, strides, "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _conv2d(images: jax.Array, kernel: jax.Array, strides: Pair) -> jax.Array:
    blocks = _Blocks(images.shape, kernel.shape, strides)
    return blocks.join(blocks.patches(images) @ blocks.toeplitz(kernel))


def _conv2d_forward(images: jax.Array, kernel: jax.Array, strides: Pair):
    return _conv2d(images, kernel, strides), (images, kernel)


def _conv2d_backward(strides: Pair, saved: tuple[jax.Array, jax.Array], gradient: jax.Array):
    images, kernel = saved
    blocks = _Blocks(images.shape, kernel.shape, strides)
    matrix = lax.dot_general(blocks.patches(images), blocks.divide(gradient), (((0,), (0,)), ((), ())))
    (for_kernel,) = jax.linear_transpose(blocks.toeplitz, kernel)(matrix)
    (for_images,) = jax.linear_transpose(lambda images: _xla_conv2d(images, kernel, strides), images)(gradient)
    return for_images, for_kernel


_conv2d.defvjp(_conv2d_forward, _conv2d_backward)


class _Blocks:
    """The blocks that the outputs of one convolution are divided into; those at the end may stick out.

    Args:
      images: shape `[batch, height, width, in]`; likewise `kernel`, `[kernel height, kernel width, in, out]`.
      strides: vertical and horizontal.
    """

    def __init__(self, images: tuple[int, ...], kernel: tuple[int, ...], strides: Pair) -> None:
        self.batch, *sides, self.inputs = images
        *self.kernel, _, self.outputs = kernel
        self.strides = strides
        self.sides = [(side - size) // stride + 1 for side, size, stride in zip(sides, self.kernel, strides)]
        wide_enough = math.ceil(math.sqrt(COLUMNS / self.outputs))
        long_enough = math.ceil(RUN / self.inputs)
        # A block larger than the kernel would multiply by more zeros than it gains.
        wanted = max(wide_enough, long_enough)
        self.block = [min(wanted, size, side) for size, side in zip(self.kernel, self.sides)]
        self.counts = [-(-side // block) for side, block in zip(self.sides, self.block)]
        self.moves = [block * stride for block, stride in zip(self.block, strides)]
        self.patch = [(block - 1) * stride + size for block, stride, size in zip(self.block, strides, self.kernel)]

    def patches(self, images: jax.Array) -> jax.Array:
        """What each block reads: `[batch * blocks, patch height * patch width * in]`.

        A patch is a few neighbouring tiles of the image, the last one cut; tiles are copied in long runs.
        """
        (down, across), (move_down, move_across) = self.counts, self.moves
        tiles_down, tiles_across = (-(-patch // move) for patch, move in zip(self.patch, self.moves))
        height, width = (down + tiles_down - 1) * move_down, (across + tiles_across - 1) * move_across
        ends = ((0, 0, 0), (0, height - images.shape[1], 0), (0, width - images.shape[2], 0), (0, 0, 0))
        rows = lax.pad(images, jnp.zeros((), images.dtype), ends)
        rows = rows.reshape(self.batch, height, -1, move_across * self.inputs)
        rest = [min(move_across, self.patch[1] - tile * move_across) * self.inputs for tile in range(tiles_across)]
        rows = jnp.concatenate([rows[:, :, tile : tile + across, :n] for tile, n in enumerate(rest)], -1)
        tiles = rows.reshape(self.batch, -1, move_down, across, rows.shape[-1]).swapaxes(2, 3)
        rest = [min(move_down, self.patch[0] - tile * move_down) for tile in range(tiles_down)]
        tiles = jnp.concatenate([tiles[:, tile : tile + down, :, :n] for tile, n in enumerate(rest)], 3)
        return tiles.reshape(self.batch * down * across, -1)

    def toeplitz(self, kernel: jax.Array) -> jax.Array:
        """The kernel at each pixel of a block: `[patch height * patch width * in, block pixels * out]`."""
        # One axis at a time, so that b + b copies are written down, not b * b.
        wide = jnp.stack([self._moved(kernel, 1, pixel) for pixel in range(self.block[1])], 3)
        whole = jnp.stack([self._moved(wide, 0, pixel) for pixel in range(self.block[0])], 3)
        return whole.reshape(-1, self.block[0] * self.block[1] * self.outputs)

    def _moved(self, kernel: jax.Array, axis: int, pixel: int) -> jax.Array:
        """The kernel within a patch, where it lies for one row or column of the block."""
        edges = [(0, 0, 0)] * kernel.ndim
        before = pixel * self.strides[axis]
        edges[axis] = (before, self.patch[axis] - self.kernel[axis] - before, 0)
        return lax.pad(kernel, jnp.zeros((), kernel.dtype), edges)

    def join(self, rows: jax.Array) -> jax.Array:
        """Rows of blocks as images: `[batch, height, width, out]`."""
        rows = rows.reshape(self.batch, *self.counts, *self.block, self.outputs).transpose(0, 1, 3, 2, 4, 5)
        height, width = (count * block for count, block in zip(self.counts, self.block))
        return rows.reshape(self.batch, height, width, self.outputs)[:, : self.sides[0], : self.sides[1]]

    def divide(self, images: jax.Array) -> jax.Array:
        """The reverse of `join`, with zeros where blocks stick out."""
        (down, across), (height, width) = self.counts, self.block
        ends = [(0, count * block - side, 0) for count, block, side in zip(self.counts, self.block, self.sides)]
        images = lax.pad(images, jnp.zeros((), images.dtype), ((0, 0, 0), *ends, (0, 0, 0)))
        images = images.reshape(self.batch, down, height, across, width, self.outputs).swapaxes(2, 3)
        return images.reshape(self.batch * down * across, -1)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3))
def _pool_axis(images: jax.Array, axis: int, window: int, stride: int) -> jax.Array:
    return _pool_axis_forward(images, axis, window, stride)[0]


def _pool_axis_forward(images: jax.Array, axis: int, window: int, stride: int):
    count = (images.shape[axis] - window) // stride + 1
    entries = [
        lax.slice_in_dim(images, place, place + (count - 1) * stride + 1, stride, axis) for place in range(window)
    ]
    largest, winner = entries[0], jnp.zeros(entries[0].shape, jnp.int8)
    for place, entry in enumerate(entries[1:], 1):
        winner = jnp.where(entry > largest, jnp.int8(place), winner)
        largest = jnp.maximum(largest, entry)
    # An array of no pixels tells the backward pass the length of the axis, which the result does not.
    return largest, (winner, lax.slice_in_dim(images, 0, 0, axis=3))


def _pool_axis_backward(axis: int, window: int, stride: int, saved: tuple[jax.Array, jax.Array], gradient: jax.Array):
    winner, empty = saved
    length, reach = empty.shape[axis], (gradient.shape[axis] - 1) * stride + 1
    zero, total = jnp.zeros((), gradient.dtype), None
    for place in range(window):
        edges = [(0, 0, 0)] * 4
        edges[axis] = (place, length - reach - place, stride - 1)
        share = lax.pad(jnp.where(winner == place, gradient, zero), zero, edges)
        total = share if total is None else total + share
    return (total,)


_pool_axis.defvjp(_pool_axis_forward, _pool_axis_backward)
