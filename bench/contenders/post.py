"""The post's network and its batches, the same for every contender."""

import itertools
import time
from collections.abc import Callable

import numpy as np

WIDTHS, KERNELS, DENSE, DROPOUT = (16, 32, 32), (11, 5, 3), (512, 256), 0.3
POOL, POOL_STRIDE, EPSILON, NORM_MOMENTUM = 3, 2, 1e-3, 0.99
CLASSES, BATCH, LEARNING_RATE = 3, 64, 0.004
# Of one lap: enough that starting, waiting for the device, and what was still under way at its start do not count.
STEPS, EPOCHS = 4, 3


def batch(size: int, replicas: tuple[int, ...] = (), frames: int = BATCH) -> tuple[np.ndarray, np.ndarray]:
    """Raw images float32 `[*replicas, frames, size, size, 3]` and labels int32."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (*replicas, frames, size, size, 3)).astype(np.float32)
    return images, generator.integers(0, CLASSES, (*replicas, frames)).astype(np.int32)


def step_flops(size: int) -> float:
    """Multiplications and additions of one training step, norms, poolings and the optimizer left out.

    A layer's two gradients cost as much as its result each; the images need none.
    """
    total, channels, factor = 0.0, 3, 2
    for width, kernel in zip(WIDTHS, KERNELS):
        size -= kernel - 1
        total += factor * 2 * BATCH * size**2 * kernel**2 * channels * width
        size, channels, factor = (size - POOL) // POOL_STRIDE + 1, width, 3
    sizes = (size**2 * channels, *DENSE, CLASSES)
    return total + sum(factor * 2 * BATCH * rows * columns for rows, columns in itertools.pairwise(sizes))


def lap_of(step: Callable[[], object], wait: Callable[[], object], count: int = STEPS) -> Callable[[], float]:
    """A lap of `count` steps, or epochs, after two that compile and warm up; seconds of each."""

    def lap(count: int = count) -> float:
        started = time.perf_counter()
        for _ in range(count):
            step()
        wait()
        return (time.perf_counter() - started) / count

    lap(2)
    return lap
