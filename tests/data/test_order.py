"""The order of an epoch is the permutation that TensorFlow's `index_shuffle` gives, where that is one."""

import numpy as np
import pytest
import tensorflow as tf

from dogjax.data.order import order_of_epoch

SEEDS = [(0, 0), (-1217884414231063180, 7), (2**62, -(2**40))]


def tensorflow_s(seed, count):
    indices, largest = tf.range(count, dtype=tf.int64), tf.constant(count - 1, tf.int64)
    return tf.random.experimental.index_shuffle(indices, tf.constant(seed, tf.int64), largest).numpy()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("count", [2, 3, 450, 1350, 65535, 65536, 65538, 262144, 300_000])
def test_an_order_has_the_bits_of_tensorflow(seed, count):
    np.testing.assert_array_equal(order_of_epoch(np.array(seed), count), tensorflow_s(seed, count))


@pytest.mark.parametrize("count", [2**16 + 1, 2**18 + 1])
def test_an_order_is_a_permutation_where_tensorflow_s_is_none(count):
    """There TensorFlow rounds the number of bits down: some frames would come twice in an epoch, and some never."""
    assert len(np.unique(tensorflow_s(SEEDS[1], count))) < count
    order = order_of_epoch(np.array(SEEDS[1]), count)
    assert np.array_equal(np.sort(order), np.arange(count))


def test_one_frame_stands_where_it_is():
    assert order_of_epoch(np.array(SEEDS[0]), 1).tolist() == [0]
