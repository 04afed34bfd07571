"""Applies transforms to the pixels of frames. Written to be compiled into one loop.

Pixels equal Keras's to float32 rounding of the sampled position: about 1e-5 pixel.
"""

from typing import Any, NamedTuple

import numpy as np

from dogjax.config import AugmentConfig
from dogjax.data.transforms import Transforms, moves_pixels, turns_frames
from dogjax.data.warp import ArrayFunctions, warp


class Changes(NamedTuple):
    """What happens to each pixel of a batch: float32."""

    x: Any  # [batch, 1 or side, side], the column of the frame that a pixel is read at; one row where all are alike
    y: Any  # [batch, side, 1 or side], the row
    channel_shift: Any  # [batch], grey levels
    brightness: Any  # [batch], factor


def changes_of(transforms: Transforms, side: int, config: AugmentConfig) -> Changes:
    """Computes where the pixels of frames of `side` x `side` are read."""
    columns = np.arange(side, dtype=np.float32)[np.newaxis, np.newaxis]
    rows = columns.reshape(1, side, 1)
    a, b, c, d, e, f = (values[:, None, None] for values in transforms[:6])
    if turns_frames(config):
        x, y = a * columns + b * rows + c, d * columns + e * rows + f
    else:
        x, y = a * columns + c, e * rows + f
    return Changes(x, y, transforms.channel_shift, transforms.brightness)


def augment(functions: ArrayFunctions, images: Any, changes: Changes, config: AugmentConfig) -> Any:
    """Augments a batch; only what `config` switches on costs anything.

    Args:
      functions: TensorFlow's or JAX's.
      images: uint8 `[batch, side, side, 3]`.
      changes: of `changes_of`.
      config: the options that are on; with none on the images are only cast.

    Returns:
      float32 `[batch, side, side, 3]` in 0..255.
    """
    moved = moves_pixels(config)
    pixels = warp(functions, images, changes.x, changes.y, config.fill) if moved else functions.floats(images)
    if config.channel_shift:
        pixels = _shift_channels(functions, pixels, changes.channel_shift)
    if config.brightness is not None:
        pixels = _brighten(functions, pixels, changes.brightness)
    return pixels


def scaled(functions: ArrayFunctions, images: Any, shift: Any, scale: Any) -> Any:
    """Scales pixels 0..255 for the network.

    Args:
      functions: TensorFlow's or JAX's.
      images: of any numbers, `[batch, side, side, 3]`.
      shift: float32, broadcast against the images.
      scale: likewise.

    Returns:
      float32 `[batch, side, side, 3]`.
    """
    return (functions.floats(images) - shift) / scale


def _shift_channels(functions: ArrayFunctions, pixels: Any, intensity: Any) -> Any:
    """Adds `intensity` to all channels, within the frame's own smallest and largest value."""
    return functions.clip(pixels + _per_frame(intensity), functions.amin(pixels), functions.amax(pixels))


def _brighten(functions: ArrayFunctions, pixels: Any, factor: Any) -> Any:
    """Multiplies as Pillow does: whole grey levels in, whole grey levels out, both cut off, not rounded."""
    # Interpolation may leave an even area a rounding error below its level, which must not cost a level.
    levels = functions.floor(pixels + 2**-12)
    return functions.minimum(functions.floor(levels * _per_frame(factor)), 255)


def _per_frame(values: Any) -> Any:
    return values[:, None, None, None]
