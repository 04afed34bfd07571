"""Images read anew at other places: bilinear, with four kinds of border. Written to be compiled into one loop."""

import tensorflow as tf


def warp(images: tf.Tensor, x: tf.Tensor, y: tf.Tensor, fill: str) -> tf.Tensor:
    """Bilinear samples, with the borders of `scipy.ndimage.affine_transform`, which Keras calls.

    Args:
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
    left, right_share = _neighbours(_BORDERS[fill](x, side), side)
    top, low_share = _neighbours(_BORDERS[fill](y, side), side)
    flat, corner = tf.reshape(images, [-1, side * side, 3]), top * side + left

    def corners(offset: int) -> tf.Tensor:
        return tf.cast(tf.gather(flat, corner + offset, batch_dims=1), tf.float32)

    upper = _between(corners(0), corners(1), right_share)
    lower = _between(corners(side), corners(side + 1), right_share)
    pixels = _between(upper, lower, low_share)
    if fill == "constant":
        inside = (x >= 0) & (x <= side - 1) & (y >= 0) & (y <= side - 1)
        pixels = tf.where(tf.expand_dims(inside, -1), pixels, 0.0)
    return pixels


def _neighbours(position: tf.Tensor, side: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The pixel before a position in the frame, and the share of the one after it with an axis for the channels."""
    before = tf.minimum(tf.floor(position), side - 2)
    return tf.cast(before, tf.int32), (position - before)[..., tf.newaxis]


def _between(a: tf.Tensor, b: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    return a + (b - a) * share  # of two equal values that value, and of 0..255 never more than 255


def _nearest(position: tf.Tensor, side: int) -> tf.Tensor:
    return tf.clip_by_value(position, 0, side - 1)


def _reflect(position: tf.Tensor, side: int) -> tf.Tensor:
    """Mirrors at the outer edges of the outer pixels, each of which is even to its edge."""
    folded = side - 0.5 - tf.abs(side - tf.math.floormod(position + 0.5, 2 * side))
    return _nearest(tf.where((position < 0) | (position > side - 1), folded, position), side)


def _wrap(position: tf.Tensor, side: int) -> tf.Tensor:
    """Repeats with period side - 1, as SciPy does."""
    period = side - 1
    below = period - tf.math.floormod(-position, period)  # a multiple of the period reads the last pixel here
    above = tf.math.floormod(position, period)  # and the first one here
    return tf.where(position < 0, below, tf.where(position > period, above, position))


_BORDERS = {"nearest": _nearest, "constant": _nearest, "reflect": _reflect, "wrap": _wrap}
