"""The functions of arrays that augmentation needs: a table that TensorFlow and JAX each fill.

The pixels of a frame are computed by tf.data on the host or by JAX on a device, from one text.
"""

from collections.abc import Callable
from typing import Any, NamedTuple


class ArrayFunctions(NamedTuple):
    """Functions with the meaning of NumPy's, but for the last three."""

    where: Callable[..., Any]
    floor: Callable[[Any], Any]
    minimum: Callable[[Any, Any], Any]
    clip: Callable[[Any, Any, Any], Any]  # arguments: values, lowest, highest
    reshape: Callable[[Any, Any], Any]
    amin: Callable[..., Any]  # over axes 1 to 3, which stay
    amax: Callable[..., Any]
    floats: Callable[[Any], Any]  # as float32
    integers: Callable[[Any], Any]  # as int32
    rows: Callable[[Any, Any], Any]  # of [batch, n, 3] at [batch, ...]: [batch, ..., 3]
