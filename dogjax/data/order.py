"""The order of an epoch: the permutation that a seed names, with the bits of TensorFlow's `index_shuffle`.

A block cipher permutes all numbers of some bits. Applied again to what it sends beyond the last index, until that comes
back, it permutes the indices alone ("cycle walking").

Source: Beaulieu et al. 2013, "The SIMON and SPECK families of lightweight block ciphers", eprint 2013/404;
key, rounds and block as in `tensorflow/core/kernels/random_index_shuffle.cc` and its Python caller.
"""

import numpy as np

_ROUNDS = 4
_LEAST_BITS = 16
_FIRST_KEY = 498247692
_ROUND_CONSTANTS = 0x7369F885192C0EF5
_COMPLEMENT = 0xFFFFFFFC
# Walks are taken in strides, which are doubled so often: a stride of every number takes longer than the walks left.
_DOUBLINGS = 5


def order_of_epoch(seed: np.ndarray, count: int) -> np.ndarray:
    """Returns the permutation of 0, ..., `count` - 1 that `seed` names, int64 `[count]`.

    It equals `tf.random.experimental.index_shuffle(range(count), seed, count - 1)`, unless `count` - 1 is 65,536 or a
    larger power of 4: TensorFlow's block is then too small, and its order is no permutation.

    Args:
      seed: int64 `[2]`.
      count: at least 1.
    """
    bits = max((count - 1).bit_length(), _LEAST_BITS)
    bits += bits % 2
    after = _encrypted(np.arange(2**bits), [_FIRST_KEY, *seed.tolist()], bits // 2)
    order = after[:count].copy()
    doublings = 0
    while len(walking := np.flatnonzero(order >= count)):
        order[walking] = after[order[walking]]
        if doublings < _DOUBLINGS:
            after = np.where(after >= count, after[after], after)
            doublings += 1
    return order


def _encrypted(numbers: np.ndarray, key: list[int], half: int) -> np.ndarray:
    """Encrypts numbers of 2 x `half` bits."""
    left, right = numbers >> half, numbers & 2**half - 1
    mixed, keys = _mixed(np.arange(2**half, dtype=numbers.dtype), half), _round_keys(key, half)
    for i in range(0, _ROUNDS, 2):
        left = left ^ mixed[right] ^ keys[i]
        right = right ^ mixed[left] ^ keys[i + 1]
    return left << half | right


def _round_keys(key: list[int], half: int) -> list[int]:
    mask = 2**half - 1
    keys = [each & 0xFFFFFFFF & mask for each in key]
    for i in range(3, _ROUNDS):
        constant = _COMPLEMENT & mask ^ (_ROUND_CONSTANTS >> i - 3 & 1)
        keys.append(
            constant ^ keys[i - 3] ^ _rotated(keys[i - 1], half - 3, half) ^ _rotated(keys[i - 1], half - 4, half)
        )
    return keys


def _mixed(words, half: int):
    return _rotated(words, 1, half) & _rotated(words, 8, half) ^ _rotated(words, 2, half)


def _rotated(words, by: int, half: int):
    """Rotates words of `half` bits to the left."""
    return (words << by | words >> half - by) & 2**half - 1
