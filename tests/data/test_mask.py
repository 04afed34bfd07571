"""A masked frame shows nothing of what is hidden, and everything else."""

import numpy as np
import pytest
import tensorflow as tf

from dogjax.data.frames import MemoryImages
from dogjax.data.mask import BORDER, MaskedImages, mask_images, middle

SIDE = 20


def noise(frames=3):
    return np.random.default_rng(0).integers(0, 256, (frames, SIDE, SIDE, 3), np.uint8)


def masked(pixels, mask):
    return MaskedImages(MemoryImages(pixels), mask).read(np.arange(len(pixels)))


def test_the_middle_leaves_a_border_on_each_side():
    edge = round(BORDER * SIDE)
    assert middle(SIDE)[edge:-edge, edge:-edge].all()
    assert np.count_nonzero(middle(SIDE)) == (SIDE - 2 * edge) ** 2


@pytest.mark.parametrize("mask", ["middle", "border"])
def test_what_is_hidden_has_the_mean_colour_of_what_is_seen(mask):
    pixels = noise()
    hidden = middle(SIDE) if mask == "middle" else ~middle(SIDE)
    for frame, result in zip(pixels, masked(pixels, mask), strict=True):
        np.testing.assert_array_equal(result[~hidden], frame[~hidden])
        expected = frame[~hidden].astype(int).sum(axis=0) // np.count_nonzero(~hidden)
        np.testing.assert_array_equal(result[hidden], np.broadcast_to(expected, result[hidden].shape))


@pytest.mark.parametrize("mask", ["middle", "border"])
def test_nothing_of_what_is_hidden_gets_through(mask):
    first, second = noise(1), noise(1)
    hidden = middle(SIDE) if mask == "middle" else ~middle(SIDE)
    second[:, hidden] = 255 - second[:, hidden]
    np.testing.assert_array_equal(masked(first, mask), masked(second, mask))


def test_a_graph_sees_the_same_as_a_reader():
    images = MaskedImages(MemoryImages(noise()), "middle")
    in_graph = tf.function(images.gather)(tf.constant([2, 0]))
    np.testing.assert_array_equal(in_graph.numpy(), images.read(np.array([2, 0])))


def test_nothing_is_hidden_unless_asked_for():
    images = MemoryImages(noise())
    assert mask_images(images, "nothing") is images
