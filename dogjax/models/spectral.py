"""A convolution as few large matrix products, for a CPU and images in lanes: `[height, width, channels, batch]`.

Written plainly it is a product with one column an output channel: sixteen or thirty-two columns, which starve a
core that multiplies and adds eight or sixteen numbers at once, and a kernel of 11 x 11 asks for 121 products a pixel
and a channel. Here

- along the height the discrete Fourier transform turns the convolution into one product for each frequency
  (Mathieu, Henaff & LeCun, arXiv:1312.5851, do so along both axes, which leaves products too small to be fast). A high
  image is cut into strips, which overlap by the kernel: a transform is itself a product, and grows with the square;
- along the width one product gives a block of b output columns: a patch of the image times a block-Toeplitz matrix,
  which holds the kernel once for each column of the block, moved there, and zeros. That multiplies by (k + b - 1) / k
  times as many numbers, and makes b times as many columns.

Everything is linear, and JAX's own derivatives of it are again such products; under `vmap` they are batched products,
where XLA's convolution becomes a slow grouped one. Between two products there is one copy and no transposition: what
comes out of one is laid out as the next one reads it, images in runs.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dogjax.models.pooling import pool_axis

# A matrix product reaches its rate from about this many columns on.
COLUMNS = 128
# More strips than needed are not worth less than this share of the multiplications.
WORTH = 0.1
MOST_STRIPS = 8


def convolve(
    images: jax.Array, kernel: jax.Array, strides: tuple[int, int] = (1, 1), pool: tuple[int, int] | None = None
) -> jax.Array:
    """Cross-correlation without padding, and max-pooling of the result where `pool` gives its window and stride.

    Args:
      images: float `[height, width, in, batch]`.
      kernel: of the same type, `[kernel height, kernel width, in, out]`, no larger than an image.
      strides: vertical and horizontal.
      pool: as of `pool_axis`, along both axes.

    Returns:
      `[rows, columns, out, batch]`, of the same type.
    """
    # Waves of fewer than 24 bits would cost a half-precision convolution digits that XLA's keeps.
    dtype = jnp.promote_types(images.dtype, jnp.float32)
    plan = _Plan(images.shape, kernel.shape, strides)
    products = plan.toeplitz(kernel.astype(dtype)) @ plan.patches(images.astype(dtype))
    blocks = plan.rows_of(products).astype(images.dtype)
    if pool is None:
        return plan.join(blocks)
    # Along the height first: the blocks that are then put side by side are fewer.
    return pool_axis(plan.join(pool_axis(blocks, 0, *pool)), 1, *pool)


class _Plan:
    """The sizes of one convolution, and its steps.

    Args:
      images: shape `[height, width, in, batch]`.
      kernel: shape `[kernel height, kernel width, in, out]`.
      strides: vertical and horizontal.
    """

    def __init__(self, images: tuple[int, ...], kernel: tuple[int, ...], strides: tuple[int, int]) -> None:
        self.height, self.width, self.inputs, self.batch = images
        self.down, self.across, _, self.outputs = kernel
        self.stride_down, self.stride = strides
        self.rows = (self.height - self.down) // self.stride_down + 1
        self.columns = (self.width - self.across) // self.stride + 1
        # A block larger than the kernel would multiply by more zeros than it gains.
        self.block = min(math.ceil(COLUMNS / (2 * self.outputs)), self.across, self.columns)
        self.blocks = -(-self.columns // self.block)
        self.patch = (self.block - 1) * self.stride + self.across
        self.strips = self._fewest_strips()
        self.strip_rows = -(-self.rows // self.strips)
        self.strip = (self.strip_rows - 1) * self.stride_down + self.down
        self.frequencies = self.strip // 2 + 1

    def patches(self, images: jax.Array) -> jax.Array:
        """What each block reads: `[strips * frequencies, parts * patch * in, blocks * batch]`.

        A patch is a few neighbouring tiles as wide as a block moves, the last one cut.
        """
        move = self.block * self.stride
        tiles = -(-self.patch // move)
        groups = self.blocks + tiles - 1
        low = (self.strips - 1) * self.strip_rows * self.stride_down + self.strip - self.height
        edges = ((0, low, 0), (0, groups * move - self.width, 0), (0, 0, 0), (0, 0, 0))
        images = lax.pad(images, jnp.zeros((), images.dtype), edges)
        tiled = images.reshape(-1, groups, move * self.inputs, self.batch).swapaxes(1, 2)
        starts = [number * self.strip_rows * self.stride_down for number in range(self.strips)]
        strips = jnp.stack([lax.slice_in_dim(tiled, start, start + self.strip) for start in starts])
        spectrum = _transform(self._forward(images.dtype), strips)
        cuts = [min(move, self.patch - tile * move) * self.inputs for tile in range(tiles)]
        # Split, not sliced: the gradient then joins the two parts rather than adding each to zeros.
        pieces = [
            part[:, :, :cut, tile : tile + self.blocks]
            for part in lax.split(spectrum, (self.frequencies,) * 2, axis=1)
            for tile, cut in enumerate(cuts)
        ]
        return jnp.concatenate(pieces, 2).reshape(self.strips * self.frequencies, -1, self.blocks * self.batch)

    def toeplitz(self, kernel: jax.Array) -> jax.Array:
        """The kernel at each place of a block: `[strips * frequencies, parts * block * out, parts * patch * in]`."""
        wave = self._wave(np.arange(self.down))
        angles = np.stack([np.cos(wave), np.sin(wave)]).astype(kernel.dtype)
        real, imaginary = jnp.einsum("pfh,hwio->pfowi", angles, kernel)
        # The product of two complex numbers, as that of a matrix and a column.
        rotation = jnp.stack([jnp.stack([real, -imaginary], 2), jnp.stack([imaginary, real], 2)], 1)
        copies = [self._moved(rotation, place * self.stride) for place in range(self.block)]
        matrices = jnp.stack(copies, 2).reshape(self.frequencies, 2 * self.block * self.outputs, -1)
        return jnp.concatenate([matrices] * self.strips)

    def rows_of(self, products: jax.Array) -> jax.Array:
        """The products transformed back: `[rows, block * out, blocks, batch]`."""
        spectrum = products.reshape(self.strips, 2 * self.frequencies, -1)
        rows = _transform(self._inverse(products.dtype), spectrum)
        return rows.reshape(-1, self.block * self.outputs, self.blocks, self.batch)[: self.rows]

    def join(self, blocks: jax.Array) -> jax.Array:
        """Blocks side by side: `[rows, columns, out, batch]`."""
        apart = blocks.reshape(-1, self.block, self.outputs, self.blocks, self.batch)
        images = jnp.moveaxis(apart, 3, 1)
        return images.reshape(-1, self.blocks * self.block, self.outputs, self.batch)[:, : self.columns]

    def _fewest_strips(self) -> int:
        counts = range(1, min(MOST_STRIPS, self.rows) + 1)
        multiplications = [self._multiplications(count) for count in counts]
        return next(n for n, each in zip(counts, multiplications) if each * (1 - WORTH) <= min(multiplications))

    def _multiplications(self, strips: int) -> int:
        """Of a forward pass, an image at a time."""
        rows = -(-self.rows // strips)
        strip = (rows - 1) * self.stride_down + self.down
        numbers = 2 * (strip // 2 + 1)
        product = self.blocks * 2 * self.block * self.outputs * self.patch * self.inputs
        transforms = strip * self.width * self.inputs + rows * self.blocks * self.block * self.outputs
        return strips * numbers * (product + transforms)

    def _moved(self, rotation: jax.Array, before: int) -> jax.Array:
        """The kernel within a patch, `before` columns from its left."""
        edges = [(0, 0, 0)] * rotation.ndim
        edges[-2] = (before, self.patch - self.across - before, 0)
        return lax.pad(rotation, jnp.zeros((), rotation.dtype), edges)

    def _wave(self, places: np.ndarray) -> np.ndarray:
        return 2 * np.pi / self.strip * np.outer(np.arange(self.frequencies), places)

    def _forward(self, dtype: jnp.dtype) -> np.ndarray:
        """`[parts * frequencies, strip]`."""
        wave = self._wave(np.arange(self.strip))
        return np.concatenate([np.cos(wave), -np.sin(wave)]).astype(dtype)

    def _inverse(self, dtype: jnp.dtype) -> np.ndarray:
        """`[rows of a strip, frequencies * parts]`, which leaves out the rows that a stride steps over."""
        wave = self._wave(np.arange(self.strip_rows) * self.stride_down)
        # The frequencies that are left out mirror these, except the mean's and, of an even height, the last's.
        twice = 1 + (np.arange(self.frequencies) * 2 % self.strip > 0)
        parts = np.stack([np.cos(wave), -np.sin(wave)], 1) * (twice / self.strip)[:, None, None]
        return parts.reshape(-1, self.strip_rows).T.astype(dtype)


def _transform(matrix: np.ndarray, strips: jax.Array) -> jax.Array:
    """`matrix` times each strip along its first axis: `[strips, rows, ...]`.

    With a derivative of its own: JAX's is the same product with its result transposed, and a copy that turns it back.
    """

    def product(matrix: np.ndarray, strips: jax.Array) -> jax.Array:
        count, rows = strips.shape[:2]
        flat = jnp.matmul(np.broadcast_to(matrix, (count, *matrix.shape)), strips.reshape(count, rows, -1))
        return flat.reshape(count, len(matrix), *strips.shape[2:])

    @jax.custom_vjp
    def transform(strips: jax.Array) -> jax.Array:
        return product(matrix, strips)

    transform.defvjp(lambda strips: (transform(strips), None), lambda _, gradient: (product(matrix.T, gradient),))
    return transform(strips)
