"""Named random streams: every random draw of a run is a pure function of (seed, name, counters).

A stream's key is `fold_in` of its root seed and its name, then of counters such as epoch, step or
frame. No key is ever split, carried or stored, so a draw can be repeated alone, out of order, and
after a crash. JAX, TensorFlow and NumPy draws all come from the same keys. Those of TensorFlow and NumPy
are computed without JAX: a split or a plan of runs needs no device.
"""

import zlib
from collections.abc import Mapping

import jax
import numpy as np

# Named so that a change of JAX's default cannot change a published run.
PRNG = "threefry2x32"
STREAMS = ("split", "init", "order", "augment", "dropout", "poke")

# Of Threefry-2x32: bits to rotate by in rounds of an odd and of an even group, and the constant of its key schedule.
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_GROUPS = 5  # of four rounds
_MASK = 0xFFFFFFFF

# The draws of stream `split` and the counters of each. Whatever resamples what the split chose is one of them. A new
# draw takes counters that no other has.
SPLIT_DRAWS = {
    "folds": (),
    "train_fraction": (1,),
    "evaluation": (2,),
    "study": (3,),
    "sobol_design": (3, 1),
    "diagnosis_shares": (4,),
    "diagnosis_middle": (6,),
    "diagnosis_quality": (7,),
    "train_recordings": (8,),
    "class_shares": (9,),
    "diagnosis_sides": (10,),
}


class Streams:
    """The named streams of one run.

    Args:
      seed: root seed of every stream that has none of its own.
      seeds: root seeds by stream name; `None` stands for `seed`.
    """

    def __init__(self, seed: int, seeds: Mapping[str, int | None] | None = None) -> None:
        seeds = seeds or {}
        if unknown := set(seeds) - set(STREAMS):
            raise ValueError(f"unknown streams {sorted(unknown)}; the streams are {STREAMS}")
        chosen = {name: seeds.get(name) for name in STREAMS}
        self._roots = {name: seed if own is None else own for name, own in chosen.items()}

    def key(self, name: str, *counters: int | jax.Array) -> jax.Array:
        """The typed JAX key of stream `name` at `counters`. Counters may be traced."""
        key = jax.random.key(self._roots[name], impl=PRNG)
        for counter in (zlib.crc32(name.encode()), *counters):
            key = jax.random.fold_in(key, counter)
        return key

    def tf_seed(self, name: str, *counters: int) -> np.ndarray:
        """A seed for `tf.random.stateless_*`: int32 `[2]`, the bits of `key(name, *counters)`."""
        return np.array(self._words(name, *counters), np.uint32).view(np.int32)

    def numpy(self, name: str, *counters: int) -> np.random.Generator:
        """A NumPy generator (Philox) seeded by the bits of `key(name, *counters)`."""
        return np.random.Generator(np.random.Philox(key=self._words(name, *counters)))

    def split_generator(self, draw: str) -> np.random.Generator:
        """Returns the NumPy generator of a draw of stream `split`, a name in `SPLIT_DRAWS`."""
        return self.numpy("split", *SPLIT_DRAWS[draw])

    def _words(self, name: str, *counters: int) -> tuple[int, int]:
        """The two words of 32 bits in `key(name, *counters)`."""
        words = (0, self._roots[name] & _MASK)  # JAX without 64 bits keeps these of a seed
        for counter in (zlib.crc32(name.encode()), *counters):
            words = _threefry(words, (0, int(counter)))
        return words


def _threefry(key: tuple[int, int], counter: tuple[int, int]) -> tuple[int, int]:
    """Threefry-2x32 with 20 rounds, on words of 32 bits.

    Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", doi 10.1145/2063384.2063405, section 3.
    """
    schedule = (*key, key[0] ^ key[1] ^ _PARITY)
    a, b = ((word + each) & _MASK for word, each in zip(counter, key))
    for group in range(_GROUPS):
        for bits in _ROTATIONS[group % 2]:
            a = (a + b) & _MASK
            b = ((b << bits | b >> 32 - bits) & _MASK) ^ a
        a = (a + schedule[(group + 1) % 3]) & _MASK
        b = (b + schedule[(group + 2) % 3] + group + 1) & _MASK
    return a, b
