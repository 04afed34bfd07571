"""TensorFlow as batches need it: on the host alone, and with a compiler that takes no orders meant for JAX's."""

import functools
import os

import tensorflow as tf

# The host's TensorFlow must leave every accelerator's memory to JAX.
tf.config.set_visible_devices([], "GPU")
tf.config.set_visible_devices([], "TPU")

# A function that becomes a few loops, once for each shape of its arguments: several times as fast as an operation
# after the other, each of which writes all pixels.
compiled = functools.partial(tf.function, jit_compile=True, autograph=False)


def _start_compiler() -> None:
    """TensorFlow's XLA reads XLA_FLAGS once, when it first compiles, and ends the process at a flag of a newer XLA."""
    flags = os.environ.pop("XLA_FLAGS", None)
    try:
        compiled(tf.identity)(tf.constant(0))
    finally:
        if flags is not None:
            os.environ["XLA_FLAGS"] = flags


_start_compiler()
