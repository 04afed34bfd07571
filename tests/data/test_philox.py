"""Uniforms of many rows at once have the bits of TensorFlow's own, drawn a row at a time."""

import numpy as np
import pytest
import tensorflow as tf

from dogjax.data.philox import uniform_rows

INDICES = [0, 1, 2**31 - 1, 2**31, 2**32, 2**62 + 12_345]
SEEDS = [(0, 0), (1, -1), (-(2**31), 2**31 - 1), (123_456_789, -987_654_321)]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("columns", [1, 4, 12, 13])
def test_each_row_has_the_bits_of_tensorflow(seed, columns):
    seed = tf.constant(seed, tf.int32)
    rows = uniform_rows(seed, tf.constant(INDICES, tf.int64), columns)
    assert rows.shape == (len(INDICES), columns)
    for row, index in zip(rows.numpy(), INDICES, strict=True):
        own_seed = tf.random.experimental.stateless_fold_in(seed, tf.constant(index, tf.int64), alg="philox")
        expected = tf.random.stateless_uniform([columns], own_seed, alg="philox").numpy()
        np.testing.assert_array_equal(row.view(np.uint32), expected.view(np.uint32))


def test_an_empty_batch_draws_nothing():
    assert uniform_rows(tf.constant((0, 0), tf.int32), tf.zeros([0], tf.int64), 12).shape == (0, 12)
