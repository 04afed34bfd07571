"""Convolution and max-pooling that mean what XLA's mean, and are faster on a CPU.

A convolution is a matrix product with one row an output pixel and one column an output channel: sixteen or
thirty-two columns, which starve a core that multiplies and adds eight or sixteen numbers at once, and a
kernel of 11 x 11 asks for 121 products a pixel and a channel. Here

- along the width the discrete Fourier transform turns the convolution into one product for each frequency
  (Mathieu, Henaff & LeCun, arXiv:1312.5851, do so along both axes, which leaves products too small to be fast);
- along the height a row of the product is a block of b output rows: its patch of the image times a
  block-Toeplitz matrix, which holds the kernel once for each row of the block, moved there, and zeros. That
  multiplies by (k + b - 1) / k times as many numbers and makes b times as many columns.

The transforms are short, so they are products with the matrix of sines and cosines, which leaves out what a
stride skips. Everything is linear, and JAX's own derivatives of it are again such products; under `vmap` they
are batched products, where XLA's convolution becomes a slow grouped one.

XLA's gradient of a max-pool searches each window again (select-and-scatter). Here a window is pooled along
its rows, then along its columns, and each pass remembers which entry won.

Accelerators keep XLA's own.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Pair = tuple[int, int]

# A matrix product reaches its rate from about this many columns on.
COLUMNS = 128


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
    if jax.default_backend() == "cpu":
        # Waves of fewer than 24 bits would cost a half-precision convolution digits that XLA's keeps.
        dtype = jnp.promote_types(images.dtype, jnp.float32)
        spectrum = _Spectrum(images.shape, kernel.shape, strides, dtype)
        patches, toeplitz = spectrum.patches(images.astype(dtype)), spectrum.toeplitz(kernel.astype(dtype))
        return spectrum.join(patches @ toeplitz).astype(images.dtype)
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
    if jax.default_backend() == "cpu":
        return _pool_axis(_pool_axis(images, 2, window, stride), 1, window, stride)
    # A Python scalar: with an array JAX knows no gradient of the reduction.
    return lax.reduce_window(images, -math.inf, lax.max, (1, window, window, 1), (1, stride, stride, 1), "VALID")


class _Spectrum:
    """The products, one a frequency, that one convolution comes to.

    Arrays of frequencies have two parts, real and imaginary, as an axis of their own.

    Args:
      images: shape `[batch, height, width, in]`; likewise `kernel`, `[kernel height, kernel width, in, out]`.
      strides: vertical and horizontal.
      dtype: of the transforms.
    """

    def __init__(self, images: tuple[int, ...], kernel: tuple[int, ...], strides: Pair, dtype: jnp.dtype) -> None:
        self.batch, self.height, width, self.inputs = images
        self.size, across, _, self.outputs = kernel
        self.stride, stride_across = strides
        self.rows = (self.height - self.size) // self.stride + 1
        # A block larger than the kernel would multiply by more zeros than it gains.
        self.block = min(math.ceil(COLUMNS / (2 * self.outputs)), self.size, self.rows)
        self.blocks = -(-self.rows // self.block)
        self.patch = (self.block - 1) * self.stride + self.size
        self.frequencies = width // 2 + 1
        columns = np.arange(0, width - across + 1, stride_across)
        wave = 2 * np.pi / width * np.arange(self.frequencies)[:, None]
        # The frequencies that are left out mirror these, except the mean's and, of an even width, the last's.
        twice = 1 + (np.arange(self.frequencies) * 2 % width > 0)[:, None]
        self.forward = _waves(wave * np.arange(width), -1).astype(dtype)
        self.conjugate = _waves(wave * np.arange(across), 1).astype(dtype)
        self.inverse = (_waves(wave * columns, -1) * (twice / width)[:, None]).astype(dtype)

    def patches(self, images: jax.Array) -> jax.Array:
        """What each block of rows reads: `[frequencies, batch * blocks, patch height * parts * in]`.

        A patch is a few neighbouring tiles of rows, the last one cut; tiles are copied in long runs.
        """
        move = self.block * self.stride
        tiles = -(-self.patch // move)
        end = (self.blocks + tiles - 1) * move - self.height
        images = lax.pad(images, jnp.zeros((), images.dtype), ((0, 0, 0), (0, end, 0), (0, 0, 0), (0, 0, 0)))
        rows = jnp.einsum("fpw,bhwi->fbhpi", self.forward, images)
        rows = rows.reshape(self.frequencies, self.batch, -1, move * 2 * self.inputs)
        runs = [min(move, self.patch - tile * move) * 2 * self.inputs for tile in range(tiles)]
        cut = [rows[:, :, tile : tile + self.blocks, :run] for tile, run in enumerate(runs)]
        return jnp.concatenate(cut, -1).reshape(self.frequencies, self.batch * self.blocks, -1)

    def toeplitz(self, kernel: jax.Array) -> jax.Array:
        """The kernel at each row of a block: `[frequencies, patch height * parts * in, parts * block * out]`."""
        real, imaginary = jnp.moveaxis(jnp.einsum("fpw,hwio->fphio", self.conjugate, kernel), 1, 0)
        # The product of two complex numbers, as that of a row and a matrix.
        rotation = jnp.stack([jnp.stack([real, -imaginary], 2), jnp.stack([imaginary, real], 2)], 4)
        copies = [self._moved(rotation, row * self.stride) for row in range(self.block)]
        return jnp.stack(copies, 5).reshape(self.frequencies, -1, 2 * self.block * self.outputs)

    def _moved(self, rotation: jax.Array, before: int) -> jax.Array:
        """The kernel within a patch, `before` rows from its top."""
        edges = [(0, 0, 0)] * rotation.ndim
        edges[1] = (before, self.patch - self.size - before, 0)
        return lax.pad(rotation, jnp.zeros((), rotation.dtype), edges)

    def join(self, products: jax.Array) -> jax.Array:
        """The products as images: `[batch, height, width, out]`."""
        parts = products.reshape(self.frequencies, self.batch, self.blocks, 2, self.block, self.outputs)
        images = jnp.einsum("fpw,fbnpho->bnhwo", self.inverse, parts)
        return images.reshape(self.batch, -1, *images.shape[3:])[:, : self.rows]


def _waves(angles: np.ndarray, sign: int) -> np.ndarray:
    """Real and imaginary part of a unit wave: `[frequencies, 2, places]`."""
    return np.stack([np.cos(angles), sign * np.sin(angles)], 1)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3))
def _pool_axis(images: jax.Array, axis: int, window: int, stride: int) -> jax.Array:
    return _pool_axis_forward(images, axis, window, stride)[0]


def _pool_axis_forward(images: jax.Array, axis: int, window: int, stride: int):
    sizes, strides = [1] * 4, [1] * 4
    sizes[axis], strides[axis] = window, stride
    # XLA reduces a window once; a chain of maxima it would repeat within every operation that reads the result.
    pooled = lax.reduce_window(images, -math.inf, lax.max, sizes, strides, "VALID")
    reach = (pooled.shape[axis] - 1) * stride + 1
    entries = [lax.slice_in_dim(images, place, place + reach, stride, axis) for place in range(window)]
    largest, winner = entries[0], jnp.zeros(pooled.shape, jnp.int8)
    for place, entry in enumerate(entries[1:], 1):
        winner = jnp.where(entry > largest, jnp.int8(place), winner)
        largest = jnp.maximum(largest, entry)
    # An array of no pixels tells the backward pass the length of the axis, which the result does not.
    return pooled, (winner, lax.slice_in_dim(images, 0, 0, axis=3))


def _pool_axis_backward(axis: int, window: int, stride: int, saved: tuple[jax.Array, jax.Array], gradient: jax.Array):
    winner, empty = saved
    length, windows = empty.shape[axis], gradient.shape[axis]
    # Entry i is number i % stride of group i // stride; place p of window w lies in group w + p // stride.
    groups = -(-length // stride)

    def share(place: int) -> jax.Array:
        edges = [(0, 0, 0)] * 4
        edges[axis] = (place // stride, groups - windows - place // stride, 0)
        zero = jnp.zeros((), gradient.dtype)
        return lax.pad(jnp.where(winner == place, gradient, zero), zero, edges)

    # One sum for each number within a group; no window's place has a number that the stride steps over.
    sums = [sum(map(share, range(number + stride, window, stride)), share(number)) for number in range(stride)]
    shape = list(gradient.shape)
    shape[axis] = groups * stride
    return (lax.slice_in_dim(jnp.stack(sums, axis + 1).reshape(shape), 0, length, axis=axis),)


_pool_axis.defvjp(_pool_axis_forward, _pool_axis_backward)
