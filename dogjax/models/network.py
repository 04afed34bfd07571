"""The post's kind of network: convolution blocks, dense layers, one logit a class."""

import functools
import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from dogjax.config import ModelConfig
from dogjax.errors import UserError
from dogjax.models import ops

POOL = 3
POOL_STRIDE = 2
# Keras's default, which the post used.
EPSILON = 1e-3
LARGEST_GROUP_COUNT = 8

# By `model.activation`. Monotonic ones alone: see `Conv`.
ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "relu": nn.relu,
    "leaky_relu": functools.partial(nn.leaky_relu, negative_slope=0.2),  # Keras's default; Flax's is .01
    "elu": nn.elu,
    "softplus": nn.softplus,
    "tanh": nn.tanh,
    "sigmoid": nn.sigmoid,
    "identity": lambda x: x,
}
# By `model.initializer`.
INITIALIZERS: dict[str, nn.initializers.Initializer] = {
    # The post's framework draws kernels so (Glorot & Bengio 2010, eq. 16).
    "glorot_uniform": nn.initializers.glorot_uniform(),
    "he_normal": nn.initializers.he_normal(),  # He et al. 2015, eq. 10, cut at two standard deviations
    "lecun_normal": nn.initializers.lecun_normal(),
    "orthogonal": nn.initializers.orthogonal(),  # Saxe et al. 2014
    "normal": nn.initializers.normal(0.05),
    "zeros": nn.initializers.zeros,
    "ones": nn.initializers.ones,
}


class Network(nn.Module):
    """Blocks of convolution (valid), activation, max-pooling and norm; then dense, activation, norm and dropout.

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
        kernel_init = _kernel_init(self.config)
        activation = ACTIVATIONS[self.config.activation]
        x = ops.enter(images.astype(dtype))
        for width, kernel in zip(self.config.widths, self.config.kernels):
            x = activation(Conv(width, kernel, kernel_init)(x))
            x = self._norm(x, batch_statistics)
        x = ops.leave(x)
        x = x.mean(axis=(1, 2)) if self.config.head == "average" else x.reshape(x.shape[0], -1)
        for width in self.config.dense:
            x = activation(nn.Dense(width, kernel_init=kernel_init, dtype=dtype)(x))
            x = self._norm(x, batch_statistics)
            x = nn.Dropout(self.config.dropout, deterministic=not dropout)(x)
        return nn.Dense(self.classes, kernel_init=kernel_init, dtype=jnp.float32)(x.astype(jnp.float32))

    def _norm(self, x: jax.Array, batch_statistics: bool) -> jax.Array:
        channels = _channel_axis(x)
        match self.config.norm:
            case "batch":
                return nn.BatchNorm(
                    use_running_average=not batch_statistics,
                    axis=channels,
                    momentum=self.config.norm_momentum,
                    epsilon=EPSILON,
                    dtype=x.dtype,
                    # E[x^2] - E[x]^2 cancels badly for inputs of 0..255; Keras does not use it either.
                    use_fast_variance=False,
                )(x)
            case "group":
                return GroupNorm(math.gcd(x.shape[channels], LARGEST_GROUP_COUNT))(x)
            case "layer":
                return GroupNorm(1)(x)
            case _:
                return x


class Conv(nn.Module):
    """Convolution and max-pooling of images in the network's layout, then the bias.

    The maximum commutes with the bias, and with the activation that follows as long as that never falls (ReLU, but not
    GELU): both are computed on a quarter of the pixels.

    Attributes:
      width: number of channels out.
      kernel: side of the kernel.
      kernel_init: how the kernel is drawn; the bias starts at 0.
    """

    width: int
    kernel: int
    kernel_init: nn.initializers.Initializer

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        """See the class."""
        channels = ops.channel_axis()
        shape = (self.kernel, self.kernel, images.shape[channels], self.width)
        kernel = self.param("kernel", self.kernel_init, shape).astype(images.dtype)
        bias = self.param("bias", nn.initializers.zeros, (self.width,)).astype(images.dtype)
        pooled = ops.conv2d_and_max_pool(images, kernel, POOL, POOL_STRIDE)
        return pooled + bias.reshape([-1 if axis == channels else 1 for axis in range(4)])


class GroupNorm(nn.Module):
    """Group normalization (Wu & He, ECCV 2018, section 3) of images in the network's layout, or of features.

    Flax's takes the last axis for the channels and the first one for the batch.

    Attributes:
      groups: number of groups, a divisor of the number of channels.
    """

    groups: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """See the class."""
        channels = _channel_axis(x)
        shape = [-1 if axis == channels else 1 for axis in range(x.ndim)]
        scale = self.param("scale", nn.initializers.ones, (x.shape[channels],)).reshape(shape)
        bias = self.param("bias", nn.initializers.zeros, (x.shape[channels],)).reshape(shape)
        grouped = x.astype(jnp.float32).reshape(*x.shape[:channels], self.groups, -1, *x.shape[channels + 1 :])
        # Over all but the groups and the batch, which comes first or, in lanes, last.
        batch = 0 if channels == x.ndim - 1 else grouped.ndim - 1
        axes = [axis for axis in range(grouped.ndim) if axis not in (batch, channels)]
        mean, variance = grouped.mean(axes, keepdims=True), grouped.var(axes, keepdims=True)
        normal = ((grouped - mean) * jax.lax.rsqrt(variance + EPSILON)).reshape(x.shape)
        return (normal * scale + bias).astype(x.dtype)


def _kernel_init(config: ModelConfig) -> nn.initializers.Initializer:
    """The configured initializer of kernels, times its scale."""
    plain = INITIALIZERS[config.initializer]

    def init(key: jax.Array, shape: Any, dtype: Any = jnp.float32, **options: Any) -> Any:
        return config.initializer_scale * plain(key, shape, dtype, **options)

    return init


def _channel_axis(x: jax.Array) -> int:
    """Of images, or of features `[batch, channels]`."""
    return ops.channel_axis() if x.ndim == 4 else 1


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
