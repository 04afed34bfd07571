"""What is done to each frame in an epoch: random, with the meaning and the distribution of Keras's ImageDataGenerator.

Source: `get_random_transform` and `apply_transform` of `keras/src/legacy/preprocessing/image.py`,
Keras 3.15, defects included: there `height_shift` moves columns and `width_shift` rows (keras issue
17398). All that is geometric, flips too, becomes one affine map a frame, so a frame is resampled once.

A frame's transform is a pure function of (seed, frame index), to the bit, in whatever batch it sits. It is computed
here, in NumPy, and is the same whatever applies it to the pixels (`augment.py`): TensorFlow on the host or JAX on a
device.
"""

from typing import NamedTuple

import numpy as np

from dogjax.config import AugmentConfig, Range
from dogjax.data.philox import uniform_rows

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

    theta: np.ndarray  # degrees
    tx: np.ndarray  # pixels
    ty: np.ndarray
    shear: np.ndarray  # degrees
    zx: np.ndarray
    zy: np.ndarray
    flip_horizontal: np.ndarray
    flip_vertical: np.ndarray
    channel_shift_intensity: np.ndarray
    brightness: np.ndarray


class Transforms(NamedTuple):
    """What is done to the pixels of each frame: float32 `[batch]` each.

    The output's pixel (column, row) is read at (a column + b row + c, d column + e row + f) in the frame.
    """

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray
    d: np.ndarray
    e: np.ndarray
    f: np.ndarray
    channel_shift: np.ndarray  # grey levels
    brightness: np.ndarray  # factor


def draw_transforms(frames: np.ndarray, side: int, config: AugmentConfig, seed: np.ndarray) -> Transforms:
    """Draws the transforms of frames of `side` x `side` pixels.

    Args:
      frames: int64 `[batch]`, the index of each frame in its dataset, or another number that is its own.
      side: pixels.
      config: the options that are on.
      seed: int64 `[2]`, the epoch's seed of stream `augment`.
    """
    return transforms_of(_parameters(uniform_rows(seed, frames, len(_COLUMNS)), side, config), side)


def changes_frames(config: AugmentConfig) -> bool:
    """Whether any option is on."""
    return moves_pixels(config) or bool(config.channel_shift) or config.brightness is not None


def moves_pixels(config: AugmentConfig) -> bool:
    """Whether the options that are on read pixels at other places."""
    moves = (config.rotation, config.width_shift, config.height_shift, config.shear)
    flips = (config.horizontal_flip, config.vertical_flip)
    return any(moves) or any(flips) or _zoom_range(config) != (1, 1)


def turns_frames(config: AugmentConfig) -> bool:
    """Whether rows are read along other lines than rows; else b and d are 0."""
    return bool(config.rotation or config.shear)


def _parameters(draws: np.ndarray, side: int, config: AugmentConfig) -> Parameters:
    """Turns uniforms in [0, 1), `[batch, len(_COLUMNS)]`, into the parameters of frames of `side` pixels."""
    u = dict(zip(_COLUMNS, draws.T, strict=True))
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


def _uniform(u: np.ndarray, low: float, high: float) -> np.ndarray:
    return low + (high - low) * u


def _zoom_range(config: AugmentConfig) -> Range:
    return config.zoom if isinstance(config.zoom, tuple) else (1 - config.zoom, 1 + config.zoom)


def _shift(u: np.ndarray, u_sign: np.ndarray, size: int | float | Range, side: int) -> np.ndarray:
    """Pixels: a float draws from U(-size, size), an integer from its range, a tuple from its values."""
    if not size:
        return np.zeros_like(u)
    if isinstance(size, float):
        shift, largest = _uniform(u, -size, size), size
    else:
        values = np.array(size if isinstance(size, tuple) else range(size), np.float32)
        chosen = values[(u * len(values)).astype(np.int32)]
        shift, largest = np.where(u_sign < 0.5, -chosen, chosen), max(size) if isinstance(size, tuple) else size
    return shift * side if largest < 1 else shift


def transforms_of(parameters: Parameters, side: int) -> Transforms:
    """Multiplies Keras's rotation . shift . shear . zoom out, about the centre of the frame.

    Flipping the result reverses the axes that the map reads. Keras flips after the channel shift; here flips come
    first, within the map, which changes nothing: the shift looks at a frame's smallest and largest value alone.
    """
    x_zoom = np.where(parameters.flip_horizontal, -parameters.zx, parameters.zx)
    y_zoom = np.where(parameters.flip_vertical, -parameters.zy, parameters.zy)
    centre = side / 2 - 0.5
    # In float64, then rounded: a float32 cosine has other last bits on other processors.
    theta = np.deg2rad(parameters.theta.astype(np.float64))
    sheared = theta + np.deg2rad(parameters.shear.astype(np.float64))
    cos, sin, cos_sheared, sin_sheared = (
        each.astype(np.float32) for each in (np.cos(theta), np.sin(theta), np.cos(sheared), np.sin(sheared))
    )
    a, b = cos * x_zoom, -sin_sheared * y_zoom
    d, e = sin * x_zoom, cos_sheared * y_zoom
    c = cos * parameters.tx - sin * parameters.ty + (centre - (a + b) * centre)
    f = sin * parameters.tx + cos * parameters.ty + (centre - (d + e) * centre)
    return Transforms(a, b, c, d, e, f, parameters.channel_shift_intensity, parameters.brightness)
