"""The post's kind of network: convolution blocks, dense layers, one logit a class."""

import functools
import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from dogjax.config import ModelConfig
from dogjax.errors import UserError
from dogjax.models.ops import conv2d, max_pool

POOL = 3
POOL_STRIDE = 2
# Keras's default, which the post used.
EPSILON = 1e-3
LARGEST_GROUP_COUNT = 8


class Network(nn.Module):
    """Blocks of convolution (valid), ReLU, max-pooling and norm; then dense, ReLU, norm and dropout.

    Attributes:
      config: sizes and kinds of the layers.
      classes: number of logits.
    """

    config: ModelConfig
    classes: int

    @nn.compact
    def __call__(self, images: jax.Array, *, dropout: bool, batch_statistics: bool) -> jax.Array:
        """Logits of a batch.

        Args:
          images: float `[batch, side, side, 3]`.
          dropout: whether to drop; needs the `dropout` key.
          batch_statistics: whether BatchNorm uses and records the batch's statistics (the collection
            `batch_stats` is then mutable), instead of the running ones.

        Returns:
          float32 `[batch, classes]`.
        """
        dtype = jnp.dtype(self.config.dtype)
        # The post's framework draws kernels so (Glorot & Bengio 2010, eq. 16).
        kernel_init = nn.initializers.glorot_uniform()
        x = images.astype(dtype)
        for width, kernel in zip(self.config.widths, self.config.kernels):
            x = nn.Conv(
                width,
                (kernel, kernel),
                padding="VALID",
                kernel_init=kernel_init,
                dtype=dtype,
                conv_general_dilated=_convolve,
            )(x)
            # ReLU of the maximum is the maximum of ReLUs, with the same gradient, on a quarter of the pixels.
            x = nn.relu(max_pool(x, POOL, POOL_STRIDE))
            x = self._norm(x, batch_statistics)
        x = x.mean(axis=(1, 2)) if self.config.head == "average" else x.reshape(x.shape[0], -1)
        for width in self.config.dense:
            x = nn.relu(nn.Dense(width, kernel_init=kernel_init, dtype=dtype)(x))
            x = self._norm(x, batch_statistics)
            x = nn.Dropout(self.config.dropout, deterministic=not dropout)(x)
        return nn.Dense(self.classes, kernel_init=kernel_init, dtype=jnp.float32)(x.astype(jnp.float32))

    def _norm(self, x: jax.Array, batch_statistics: bool) -> jax.Array:
        dtype = x.dtype
        match self.config.norm:
            case "batch":
                return nn.BatchNorm(
                    use_running_average=not batch_statistics,
                    momentum=self.config.norm_momentum,
                    epsilon=EPSILON,
                    dtype=dtype,
                    # E[x^2] - E[x]^2 cancels badly for inputs of 0..255; Keras does not use it either.
                    use_fast_variance=False,
                )(x)
            case "group":
                return nn.GroupNorm(math.gcd(x.shape[-1], LARGEST_GROUP_COUNT), epsilon=EPSILON, dtype=dtype)(x)
            case "layer":
                return nn.GroupNorm(1, epsilon=EPSILON, dtype=dtype)(x)
            case _:
                return x


def _convolve(images: jax.Array, kernel: jax.Array, strides: tuple[int, int], padding: str, **_: object) -> jax.Array:
    """`conv2d` in the place of `lax.conv_general_dilated`, for a layer without padding or dilation."""
    return conv2d(images, kernel, strides)


def check_sizes(config: ModelConfig, image_size: int) -> None:
    """Checks that every kernel and pool fits its input.

    Raises:
      UserError: names the first block that does not fit.
    """
    side = image_size
    for block, kernel in enumerate(config.kernels):
        convolved = side - kernel + 1
        if convolved < POOL:
            raise UserError(
                f"model.kernels={config.kernels}: block {block + 1} gets {side} x {side} pixels, too few for a kernel "
                f"of {kernel} and a pool of {POOL}; use smaller kernels, fewer blocks, or a larger data.image_size"
            )
        side = (convolved - POOL) // POOL_STRIDE + 1


@functools.cache
def count_parameters(config: ModelConfig, image_size: int, classes: int) -> int:
    """The number of parameters of the network; nothing is computed."""
    images = jax.ShapeDtypeStruct((1, image_size, image_size, 3), jnp.float32)
    initialise = functools.partial(Network(config, classes).init, dropout=False, batch_statistics=False)
    shapes = jax.eval_shape(initialise, jax.random.key(0), images)
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes["params"]))
