"""Hides the middle of frames, or all but the middle: does the object tell the class, or the background?"""

import numpy as np
import tensorflow as tf

from dogjax.data.frames import GraphImages

# The border is this share of the side, on each side: the object is inside.
BORDER = 0.15


def middle(side: int) -> np.ndarray:
    """Returns the pixels of the middle, where the object is: bool `[side, side]`."""
    edge = max(1, round(BORDER * side))
    inside = np.zeros((side, side), bool)
    inside[edge : side - edge, edge : side - edge] = True
    return inside


class MaskedImages:
    """Images with a part hidden under the mean colour of the rest of the same frame."""

    def __init__(self, images: GraphImages, mask: str) -> None:
        """`mask` is that of `config.DataConfig`: `middle` or `border`."""
        self._images, self._mask = images, mask

    def read(self, frames: np.ndarray) -> np.ndarray:
        """Returns uint8 `[frames, side, side, 3]`."""
        return self.gather(tf.constant(frames)).numpy()

    def gather(self, frames: tf.Tensor) -> tf.Tensor:
        """Like `read`, in a TensorFlow graph."""
        images = self._images.gather(frames)
        side = images.shape[1]
        assert side is not None  # frames are of a static size
        hidden = middle(side)
        hidden = (hidden if self._mask == "middle" else ~hidden)[..., np.newaxis]
        seen = tf.where(hidden, 0, tf.cast(images, tf.int32))
        colour = tf.reduce_sum(seen, axis=(1, 2), keepdims=True) // int(np.count_nonzero(~hidden))
        return tf.where(hidden, tf.cast(colour, tf.uint8), images)


def mask_images(images: GraphImages, mask: str) -> GraphImages:
    """Hides the part of the images that `data.mask` names."""
    return images if mask == "nothing" else MaskedImages(images, mask)
