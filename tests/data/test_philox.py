"""Uniforms of many rows at once have the bits of TensorFlow's own, drawn a row at a time."""

import numpy as np
import pytest
import tensorflow as tf

from dogjax.data.philox import fold_in, uniform_rows

INDICES = [0, 1, 2**31 - 1, 2**31, 2**32, 2**62 + 12_345]
SEEDS = [(0, 0), (1, -1), (-(2**31), 2**31 - 1), (123_456_789, -987_654_321)]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("columns", [1, 4, 12, 13])
def test_each_row_has_the_bits_of_tensorflow(seed, columns):
    rows = uniform_rows(np.array(seed, np.int32), np.array(INDICES), columns)
    assert rows.shape == (len(INDICES), columns)
    for row, index in zip(rows, INDICES, strict=True):
        own_seed = tf.random.experimental.stateless_fold_in(
            tf.constant(seed, tf.int32), tf.constant(index, tf.int64), alg="philox"
        )
        expected = tf.random.stateless_uniform([columns], own_seed, alg="philox").numpy()
        np.testing.assert_array_equal(row.view(np.uint32), expected.view(np.uint32))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("counter", [0, 7, 2**40 + 3])
def test_a_counter_is_folded_in_as_by_tensorflow(seed, counter):
    seed = np.array(seed, np.int32)
    for _ in range(2):  # the second time into a seed of 64 bits
        expected = tf.random.experimental.stateless_fold_in(tf.constant(seed), tf.constant(counter, tf.int64))
        seed = fold_in(seed, counter)
        assert seed.dtype == np.int64 and seed.tolist() == expected.numpy().tolist()


def test_an_empty_batch_draws_nothing():
    assert uniform_rows(np.zeros(2, np.int32), np.zeros(0, np.int64), 12).shape == (0, 12)
