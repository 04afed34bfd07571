"""Random transforms of training frames, with the meaning and the distribution of Keras's ImageDataGenerator.

Source: `get_random_transform` and `apply_transform` of `keras/src/legacy/preprocessing/image.py`,
Keras 3.15, defects included: there `height_shift` moves columns and `width_shift` rows (keras issue
17398). All that is geometric, flips too, becomes one affine map a frame, so a frame is resampled once.

What happens to a frame is a pure function of (seed, frame index), to the bit, in whatever batch it sits.
Its pixels equal Keras's to float32 rounding of the sampled position: about 1e-5 pixel.
"""

import math
from typing import NamedTuple

import tensorflow as tf

from dogjax.config import AugmentConfig, Range
from dogjax.data.host import compiled
from dogjax.data.philox import uniform_rows
from dogjax.data.warp import warp

# One uniform a column, drawn for every frame whether the option is on or not: switching one option on
# leaves the draws of the others as they were. New columns go to the end, for the same reason.
_COLUMNS = (
    "theta",
    "tx",
    "tx_sign",
    "ty",
    "ty_sign",
    "shear",
    "zx",
    "zy",
    "flip_horizontal",
    "flip_vertical",
    "channel_shift_intensity",
    "brightness",
)


class Parameters(NamedTuple):
    """What is done to each frame, by Keras's names: `[batch]` each, float32 but for the boolean flips."""

    theta: tf.Tensor  # degrees
    tx: tf.Tensor  # pixels
    ty: tf.Tensor
    shear: tf.Tensor  # degrees
    zx: tf.Tensor
    zy: tf.Tensor
    flip_horizontal: tf.Tensor
    flip_vertical: tf.Tensor
    channel_shift_intensity: tf.Tensor
    brightness: tf.Tensor


def augment_batch(images: tf.Tensor, frames: tf.Tensor, config: AugmentConfig, seed: tf.Tensor) -> tf.Tensor:
    """Augments a batch; runs inside `tf.data`.

    Args:
      images: uint8 `[batch, side, side, 3]`.
      frames: int64 `[batch]`, the index of each frame in its dataset.
      config: the options that are on; with none on the images are only cast.
      seed: int32 `[2]`, the epoch's seed of stream `augment`.

    Returns:
      float32 `[batch, side, side, 3]` in 0..255.
    """
    draws = uniform_rows(seed, frames, len(_COLUMNS))
    parameters = _parameters(draws, _side(images), config)
    return _apply(images, parameters, config)


def _parameters(draws: tf.Tensor, side: int, config: AugmentConfig) -> Parameters:
    """Turns uniforms in [0, 1), `[batch, len(_COLUMNS)]`, into the parameters of frames of `side` pixels."""
    u = dict(zip(_COLUMNS, tf.unstack(draws, axis=1), strict=True))
    return Parameters(
        theta=_uniform(u["theta"], -config.rotation, config.rotation),
        tx=_shift(u["tx"], u["tx_sign"], config.height_shift, side),
        ty=_shift(u["ty"], u["ty_sign"], config.width_shift, side),
        shear=_uniform(u["shear"], -config.shear, config.shear),
        zx=_uniform(u["zx"], *_zoom_range(config)),
        zy=_uniform(u["zy"], *_zoom_range(config)),
        flip_horizontal=(u["flip_horizontal"] < 0.5) & config.horizontal_flip,
        flip_vertical=(u["flip_vertical"] < 0.5) & config.vertical_flip,
        channel_shift_intensity=_uniform(u["channel_shift_intensity"], -config.channel_shift, config.channel_shift),
        brightness=_uniform(u["brightness"], *(config.brightness or (1.0, 1.0))),
    )


def _uniform(u: tf.Tensor, low: float, high: float) -> tf.Tensor:
    return low + (high - low) * u


def _zoom_range(config: AugmentConfig) -> Range:
    return config.zoom if isinstance(config.zoom, tuple) else (1 - config.zoom, 1 + config.zoom)


def _shift(u: tf.Tensor, u_sign: tf.Tensor, size: int | float | Range, side: int) -> tf.Tensor:
    """Pixels: a float draws from U(-size, size), an integer from its range, a tuple from its values."""
    if not size:
        return tf.zeros_like(u)
    if isinstance(size, float):
        shift, largest = _uniform(u, -size, size), size
    else:
        values = tf.constant(size if isinstance(size, tuple) else range(size), tf.float32)
        chosen = tf.gather(values, tf.cast(u * len(values), tf.int32))
        shift, largest = tf.where(u_sign < 0.5, -chosen, chosen), max(size) if isinstance(size, tuple) else size
    return shift * side if largest < 1 else shift


def _apply(images: tf.Tensor, parameters: Parameters, config: AugmentConfig) -> tf.Tensor:
    """Applies `parameters` to uint8 `[batch, side, side, 3]`; only what `config` switches on costs anything.

    Keras flips after the channel shift; here flips come first, within the map, which changes nothing:
    the shift looks at a frame's smallest and largest value alone.
    """
    x, y = _positions(parameters, _side(images), config)
    return _pixels(images, x, y, parameters.channel_shift_intensity, parameters.brightness, config)


# Compiled for each batch size, and yet a frame's bits do not depend on its batch: a compiler may round a product and
# its sum together or apart, and the only ones in here are those of the interpolation, which it treats alike everywhere.
@compiled
def _pixels(
    images: tf.Tensor,
    x: tf.Tensor,
    y: tf.Tensor,
    channel_shift_intensity: tf.Tensor,
    brightness: tf.Tensor,
    config: AugmentConfig,
) -> tf.Tensor:
    pixels = warp(images, x, y, config.fill) if _is_geometric(config) else tf.cast(images, tf.float32)
    if config.channel_shift:
        pixels = _shift_channels(pixels, channel_shift_intensity)
    if config.brightness is not None:
        pixels = _brighten(pixels, brightness)
    return pixels


def _is_geometric(config: AugmentConfig) -> bool:
    moves = (config.rotation, config.width_shift, config.height_shift, config.shear)
    flips = (config.horizontal_flip, config.vertical_flip)
    return any(moves) or any(flips) or _zoom_range(config) != (1, 1)


def _positions(parameters: Parameters, side: int, config: AugmentConfig) -> tuple[tf.Tensor, tf.Tensor]:
    """Where each output pixel is read in the frame: x `[batch, 1 or side, side]`, y `[batch, side, 1 or side]`.

    One row, or one column, where all of them are the same. The output's pixel (x, y) is the frame's
    (ax + by + c, dx + ey + f): Keras's rotation . shift . shear . zoom, multiplied out, about the centre of the
    frame. Flipping the result reverses the axes that the map reads.
    """
    x_zoom = tf.where(parameters.flip_horizontal, -parameters.zx, parameters.zx)
    y_zoom = tf.where(parameters.flip_vertical, -parameters.zy, parameters.zy)
    centre = side / 2 - 0.5
    columns = tf.range(side, dtype=tf.float32)
    rows = columns[:, tf.newaxis]
    if not (config.rotation or config.shear):
        c = parameters.tx + (centre - x_zoom * centre)
        f = parameters.ty + (centre - y_zoom * centre)
        return _each(x_zoom) * columns + _each(c), _each(y_zoom) * rows + _each(f)
    cos, sin, cos_sheared, sin_sheared = _cosines_and_sines(parameters.theta, parameters.shear)
    a, b = cos * x_zoom, -sin_sheared * y_zoom
    d, e = sin * x_zoom, cos_sheared * y_zoom
    c = cos * parameters.tx - sin * parameters.ty + (centre - (a + b) * centre)
    f = sin * parameters.tx + cos * parameters.ty + (centre - (d + e) * centre)
    return _each(a) * columns + _each(b) * rows + _each(c), _each(d) * columns + _each(e) * rows + _each(f)


def _each(values: tf.Tensor) -> tf.Tensor:
    return values[:, tf.newaxis, tf.newaxis]


def _cosines_and_sines(theta: tf.Tensor, shear: tf.Tensor) -> list[tf.Tensor]:
    """cos(theta), sin(theta), cos(theta + shear), sin(theta + shear) of degrees: `[batch]` each."""
    angles = tf.stack([theta, theta + shear], axis=1) * (math.pi / 180)
    # One frame at a time: over a whole batch TensorFlow's vectorised cosine and its remainder loop differ
    # in the last bit, so that a frame's map would depend on its place in the batch.
    row = tf.TensorSpec([4], tf.float32)
    rows = tf.map_fn(
        lambda two: tf.reshape(tf.stack([tf.cos(two), tf.sin(two)], 1), [4]), angles, fn_output_signature=row
    )
    return tf.unstack(rows, axis=1)


def _shift_channels(pixels: tf.Tensor, intensity: tf.Tensor) -> tf.Tensor:
    """Adds `intensity` to all channels, within the frame's own smallest and largest value."""
    low = tf.reduce_min(pixels, axis=[1, 2, 3], keepdims=True)
    high = tf.reduce_max(pixels, axis=[1, 2, 3], keepdims=True)
    return tf.clip_by_value(pixels + _per_frame(intensity), low, high)


def _brighten(pixels: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Multiplies as Pillow does: whole grey levels in, whole grey levels out, both cut off, not rounded."""
    # Interpolation may leave an even area a rounding error below its level, which must not cost a level.
    levels = tf.floor(pixels + 2**-12)
    return tf.minimum(tf.floor(levels * _per_frame(factor)), 255)


def _per_frame(values: tf.Tensor) -> tf.Tensor:
    return values[:, tf.newaxis, tf.newaxis, tf.newaxis]


def _side(images: tf.Tensor) -> int:
    side = images.shape[1]
    assert side is not None and side == images.shape[2]  # frames are squares of a static size
    return side
