"""Reads images anew at other places: bilinear, with four kinds of border. Written to be compiled into one loop.

One text serves tf.data on the host and JAX on a device: it calls the functions of a table.
"""

from collections.abc import Callable
from typing import Any, NamedTuple


class ArrayFunctions(NamedTuple):
    """The functions of arrays that augmentation needs: TensorFlow and JAX each fill the table."""

    where: Callable[..., Any]
    floor: Callable[[Any], Any]
    minimum: Callable[[Any, Any], Any]
    clip: Callable[[Any, Any, Any], Any]  # arguments: values, lowest, highest
    reshape: Callable[[Any, Any], Any]
    amin: Callable[[Any], Any]  # over axes 1 to 3, which stay
    amax: Callable[[Any], Any]
    floats: Callable[[Any], Any]  # as float32
    integers: Callable[[Any], Any]  # as int32
    rows: Callable[[Any, Any], Any]  # of [batch, n, 3] at [batch, ...]: [batch, ..., 3]


def warp(functions: ArrayFunctions, images: Any, x: Any, y: Any, fill: str) -> Any:
    """Bilinear samples, with the borders of `scipy.ndimage.affine_transform`, which Keras calls.

    Args:
      functions: TensorFlow's or JAX's.
      images: of any numbers, `[batch, side, side, 3]`.
      x: float32 `[batch, 1 or side, side]`, the column in the image that each output pixel is read at; one row where
        all are the same. Below 0 and above side - 1 is outside.
      y: float32 `[batch, side, 1 or side]`, the row.
      fill: what is outside: `nearest`, `constant` (black), `reflect` or `wrap`.

    Returns:
      float32 `[batch, side, side, 3]`.
    """
    side = images.shape[1]
    assert side is not None and side == images.shape[2]  # frames are squares of a static size
    border = _BORDERS[fill]
    left, right_share = _neighbours(functions, border(functions, x, side), side)
    top, low_share = _neighbours(functions, border(functions, y, side), side)
    flat, corner = functions.reshape(images, (-1, side * side, 3)), top * side + left

    def corners(offset: int) -> Any:
        return functions.floats(functions.rows(flat, corner + offset))

    upper = _between(corners(0), corners(1), right_share)
    lower = _between(corners(side), corners(side + 1), right_share)
    pixels = _between(upper, lower, low_share)
    if fill == "constant":
        inside = (x >= 0) & (x <= side - 1) & (y >= 0) & (y <= side - 1)
        pixels = functions.where(inside[..., None], pixels, 0.0)
    return pixels


def _neighbours(functions: ArrayFunctions, position: Any, side: int) -> tuple[Any, Any]:
    """The pixel before a position in the frame, and the share of the one after it with an axis for the channels."""
    before = functions.minimum(functions.floor(position), side - 2)
    return functions.integers(before), (position - before)[..., None]


def _between(a: Any, b: Any, share: Any) -> Any:
    return a + (b - a) * share  # of two equal values that value, and of 0..255 never more than 255


def _nearest(functions: ArrayFunctions, position: Any, side: int) -> Any:
    return functions.clip(position, 0, side - 1)


def _reflect(functions: ArrayFunctions, position: Any, side: int) -> Any:
    """Mirrors at the outer edges of the outer pixels, each of which is even to its edge."""
    folded = side - 0.5 - abs(side - (position + 0.5) % (2 * side))
    return _nearest(functions, functions.where((position < 0) | (position > side - 1), folded, position), side)


def _wrap(functions: ArrayFunctions, position: Any, side: int) -> Any:
    """Repeats with period side - 1, as SciPy does."""
    period = side - 1
    below = period - -position % period  # a multiple of the period reads the last pixel here
    above = position % period  # and the first one here
    wrapped = functions.where(position > period, above, position)
    return functions.where(position < 0, below, wrapped)


_BORDERS = {"nearest": _nearest, "constant": _nearest, "reflect": _reflect, "wrap": _wrap}
