"""Max-pooling an axis at a time, where each pass remembers which entry of a window won.

XLA's gradient of a max-pool searches each window again (select-and-scatter), which takes a CPU ten times as long.
"""

import functools
import math

import jax
import jax.numpy as jnp
from jax import lax


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3))
def pool_axis(array: jax.Array, axis: int, window: int, stride: int) -> jax.Array:
    """Largest entry of each window along one axis; its gradient goes to the first such entry.

    Args:
      array: float, with at least `window` entries along `axis`.
      axis: from 0.
      window: entries that are compared.
      stride: entries from one window to the next.
    """
    return _forward(array, axis, window, stride)[0]


def _forward(array: jax.Array, axis: int, window: int, stride: int):
    sizes, strides = [1] * array.ndim, [1] * array.ndim
    sizes[axis], strides[axis] = window, stride
    # XLA reduces a window once; a chain of maxima it would repeat within every operation that reads the result.
    pooled = lax.reduce_window(array, -math.inf, lax.max, sizes, strides, "VALID")
    reach = (pooled.shape[axis] - 1) * stride + 1
    entries = [lax.slice_in_dim(array, place, place + reach, stride, axis) for place in range(window)]
    largest, winner = entries[0], jnp.zeros(pooled.shape, jnp.int8)
    for place, entry in enumerate(entries[1:], 1):
        winner = jnp.where(entry > largest, jnp.int8(place), winner)
        largest = jnp.maximum(largest, entry)
    # An array of no entries tells the backward pass the length of the axis, which the result does not.
    return pooled, (winner, lax.slice_in_dim(array, 0, 0, axis=(axis + 1) % array.ndim))


def _backward(axis: int, window: int, stride: int, saved: tuple[jax.Array, jax.Array], gradient: jax.Array):
    winner, empty = saved
    length, windows = empty.shape[axis], gradient.shape[axis]
    # Entry i is number i % stride of group i // stride; place p of window w lies in group w + p // stride.
    groups = -(-length // stride)

    def share(place: int) -> jax.Array:
        edges = [(0, 0, 0)] * gradient.ndim
        edges[axis] = (place // stride, groups - windows - place // stride, 0)
        zero = jnp.zeros((), gradient.dtype)
        return lax.pad(jnp.where(winner == place, gradient, zero), zero, edges)

    # One sum for each number within a group; no window's place has a number that the stride steps over.
    sums = [sum(map(share, range(number + stride, window, stride)), share(number)) for number in range(stride)]
    shape = list(gradient.shape)
    shape[axis] = groups * stride
    return (lax.slice_in_dim(jnp.stack(sums, axis + 1).reshape(shape), 0, length, axis=axis),)


pool_axis.defvjp(_forward, _backward)
