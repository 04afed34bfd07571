"""Philox 4x32-10 in NumPy: what TensorFlow's stateless operations draw, for many rows at once, without TensorFlow.

Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", doi 10.1145/2063384.2063405;
key and counter from a seed as in `tensorflow/core/kernels/stateless_random_ops.cc`.
"""

from typing import Any

import numpy as np

_ROUNDS = 10
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)  # what the key grows by after each round
_SEED_KEY = [0x3EC8F720, 0x02461E29]  # the key under which TensorFlow scrambles a seed
_WORDS = 4  # of 32 bits, a block
_LOW, _HALF = 0xFFFFFFFF, 32
_ALL = 0xFFFFFFFFFFFFFFFF

# A word is an int, or the low halves of an array of uint64, so that a product of two keeps both its halves.
_Words = list[Any]


def fold_in(seed: np.ndarray, counter: int) -> np.ndarray:
    """Returns int64 `[2]`, what `tf.random.experimental.stateless_fold_in(seed, tf.constant(counter, tf.int64))` gives.

    Args:
      seed: int32 or int64 `[2]`.
      counter: of 64 bits.
    """
    folded = _folded(seed)
    return np.array([folded - (folded >> 63 << 64), counter], np.int64)


def _folded(seed: np.ndarray) -> int:
    """The first number of `fold_in`, of 64 bits without a sign; the second one is the counter itself."""
    first, second = (int(each) & _ALL for each in seed)
    counters, key = _scrambled(first, second)
    low, high, *_ = _philox([0, 0, *counters], key)
    return low | high << _HALF


def uniform_rows(seed: np.ndarray, indices: np.ndarray, columns: int) -> np.ndarray:
    """Draws uniforms in [0, 1) for each index, whatever the others.

    Args:
      seed: int32 or int64 `[2]`.
      indices: int64 `[n]`.
      columns: how many to draw for each.

    Returns:
      float32 `[n, columns]`; row i has the bits of `tf.random.stateless_uniform([columns],
      stateless_fold_in(seed, indices[i], alg="philox"), alg="philox")`.
    """
    rows = indices.astype(np.int64).view(np.uint64)[:, np.newaxis]  # [n, 1]; with a column a block below
    counters, key = _scrambled(_folded(seed), rows)
    block = np.arange(-(-columns // _WORDS), dtype=np.uint64)
    words = _philox([block, np.zeros_like(block), *counters], key)
    return _floats(np.stack(words, axis=-1).reshape(len(rows), _WORDS * len(block))[:, :columns])


def _scrambled(first: Any, second: Any) -> tuple[_Words, _Words]:
    """Returns the counter's upper two words and the key for seeds whose entries are `first` and `second`."""
    mixed = _philox([first & _LOW, first >> _HALF, second & _LOW, second >> _HALF], _SEED_KEY)
    return mixed[2:], mixed[:2]


def _philox(counter: _Words, key: _Words) -> _Words:
    for _ in range(_ROUNDS):
        product_0, product_1 = counter[0] * _MULTIPLIERS[0], counter[2] * _MULTIPLIERS[1]
        counter = [
            (product_1 >> _HALF) ^ counter[1] ^ key[0],
            product_1 & _LOW,
            (product_0 >> _HALF) ^ counter[3] ^ key[1],
            product_0 & _LOW,
        ]
        key = [(word + step) & _LOW for word, step in zip(key, _WEYL)]
    return counter


def _floats(words: np.ndarray) -> np.ndarray:
    """Puts the low 23 bits behind the point of a float in [1, 2), and takes 1 away."""
    return (words.astype(np.uint32) & np.uint32(0x7FFFFF) | np.uint32(0x3F800000)).view(np.float32) - np.float32(1)
