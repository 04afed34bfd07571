"""TensorFlow on the host: its functions of arrays, compiled with XLA flags of its own (JAX's are not passed on)."""

import functools
import os
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from dogjax.data.warp import ArrayFunctions
from dogjax.errors import UserError

TENSORFLOW = ArrayFunctions(
    where=tf.where,
    floor=tf.floor,
    minimum=tf.minimum,
    clip=tf.clip_by_value,
    reshape=tf.reshape,
    amin=functools.partial(tf.reduce_min, axis=(1, 2, 3), keepdims=True),
    amax=functools.partial(tf.reduce_max, axis=(1, 2, 3), keepdims=True),
    floats=lambda values: tf.cast(values, tf.float32),
    integers=lambda values: tf.cast(values, tf.int32),
    rows=functools.partial(tf.gather, batch_dims=1),
)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles `function` into a few loops, once for each shape of its arguments.

    Such a function is several times as fast as its operations one after the other, each of which writes all pixels.
    """
    fused = tf.function(function, jit_compile=True, autograph=False)

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        prepare_host()
        return fused(*arguments, **named)

    return call


@functools.cache  # once a process
def prepare_host() -> None:
    """Leaves every accelerator to JAX, and starts TensorFlow's XLA without JAX's flags.

    TensorFlow's XLA reads XLA_FLAGS once, when it first compiles, and ends the process at a flag of a newer XLA.

    Raises:
      UserError: TensorFlow holds an accelerator already.
    """
    try:
        for kind in ("GPU", "TPU"):
            tf.config.set_visible_devices([], kind)
    except RuntimeError as error:
        raise UserError(
            "TensorFlow has taken the accelerator that JAX needs; start dogjax in a process of its own, or call "
            "tf.config.set_visible_devices([], 'GPU') before anything else in TensorFlow"
        ) from error
    flags = os.environ.pop("XLA_FLAGS", None)
    try:
        with tf.init_scope():
            tf.function(tf.identity, jit_compile=True, autograph=False)(tf.constant(0))
    finally:
        if flags is not None:
            os.environ["XLA_FLAGS"] = flags
