"""Writes a video anew: its frames at the rate that runs take them, with their pixels changed."""

import pathlib
from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np

from dogjax.world.video import write_video

# Frames a second: those that a run takes, and no more.
FPS = Fraction(1, 2)
# So fine that encoding again is no fault by itself.
FINE = 8

Pixels = np.ndarray
Change = Callable[[Pixels], Pixels]


def refilm(source: pathlib.Path, target: pathlib.Path, change: Change, *, crf: int = FINE) -> None:
    """Decodes a video, changes its pixels, and encodes them at `FPS` frames a second; the same bytes every time.

    Args:
      source: the video.
      target: the new one; its folder is made.
      change: of uint8 `[frames, height, width, 3]`.
      crf: how coarse: x264's constant rate factor.
    """
    frames = change(_sampled(source))
    height, width = (size - size % 2 for size in frames.shape[1:3])
    write_video(target, (np.ascontiguousarray(pixels[:height, :width]) for pixels in frames), FPS, (width, height), crf)


def unchanged(pixels: Pixels) -> Pixels:
    """Returns the pixels as they are."""
    return pixels


def _sampled(path: pathlib.Path) -> Pixels:
    """Returns the frames on screen every 1 / `FPS` seconds, uint8 `[frames, height, width, 3]`."""
    taken = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if float(frame.time or 0) >= len(taken) / FPS - 1e-6:
                taken.append(frame.to_ndarray(format="rgb24"))
    return np.stack(taken)
