"""Philox 4x32-10, a row at a time for many rows at once: the bits of TensorFlow's own generator.

TensorFlow draws for one seed a call, so a batch of frames with a seed each takes a loop (`tf.map_fn`), five
times as long. The rounds are a few integer operations, which run over the batch as well as over a frame.

Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", doi 10.1145/2063384.2063405;
key and counter from a seed as in `tensorflow/core/kernels/stateless_random_ops.cc`.
"""

import functools

import tensorflow as tf

_ROUNDS = 10
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)  # what the key grows by after each round
_SEED_KEY = (0x3EC8F720, 0x02461E29)  # the key under which TensorFlow scrambles a seed
_WORDS = 4  # uint32 a block

# Words are uint32 in the low half of a uint64, so that a product of two keeps both its halves.
_Words = list[tf.Tensor]


@functools.partial(tf.function, autograph=False, reduce_retracing=True)  # traced once a process, not once a run
def uniform_rows(seed: tf.Tensor, indices: tf.Tensor, columns: int) -> tf.Tensor:
    """Uniforms in [0, 1) for each index, whatever the others.

    Args:
      seed: int32 `[2]`.
      indices: int64 `[n]`.
      columns: how many to draw for each.

    Returns:
      float32 `[n, columns]`; row i has the bits of `tf.random.stateless_uniform([columns],
      stateless_fold_in(seed, indices[i], alg="philox"), alg="philox")`.
    """
    folded = tf.random.experimental.stateless_fold_in(seed, tf.constant(0, tf.int64), alg="philox")[0]
    rows = tf.bitcast(indices, tf.uint64)[:, tf.newaxis]  # [n, 1]; with a column a block below
    same = tf.zeros_like(rows)
    scrambled = _philox(
        [same + each for each in (*_halves(tf.bitcast(folded, tf.uint64)), *_halves(rows))],
        [same + _word(word) for word in _SEED_KEY],
    )
    block = same + tf.constant([*range(-(-columns // _WORDS))], tf.uint64)
    words = _philox([block, tf.zeros_like(block), *scrambled[2:]], scrambled[:2])
    return _floats(tf.reshape(tf.stack(words, axis=-1), [-1, _WORDS * block.shape[1]])[:, :columns])


def _philox(counter: _Words, key: _Words) -> _Words:
    for _ in range(_ROUNDS):
        low_0, high_0 = _halves(counter[0] * _word(_MULTIPLIERS[0]))
        low_1, high_1 = _halves(counter[2] * _word(_MULTIPLIERS[1]))
        counter = [_xor(high_1, counter[1], key[0]), low_1, _xor(high_0, counter[3], key[1]), low_0]
        key = [_halves(key[0] + _word(_WEYL[0]))[0], _halves(key[1] + _word(_WEYL[1]))[0]]
    return counter


def _halves(words: tf.Tensor) -> _Words:
    """The low and the high 32 bits of uint64."""
    return [words & _word(0xFFFFFFFF), tf.bitwise.right_shift(words, _word(32))]


def _xor(a: tf.Tensor, b: tf.Tensor, c: tf.Tensor) -> tf.Tensor:
    return tf.bitwise.bitwise_xor(tf.bitwise.bitwise_xor(a, b), c)


def _word(value: int) -> tf.Tensor:
    return tf.constant(value, tf.uint64)


def _floats(words: tf.Tensor) -> tf.Tensor:
    """Puts the low 23 bits behind the point of a float in [1, 2), and takes 1 away."""
    bits = tf.cast(words, tf.uint32) & tf.constant(0x7FFFFF, tf.uint32) | tf.constant(0x3F800000, tf.uint32)
    return tf.bitcast(bits, tf.float32) - 1
