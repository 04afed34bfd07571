"""The machine's limit: how long the operations of a step take at the best rate of a library's matrix product."""

import time
from collections.abc import Callable

import numpy as np

from bench.contenders import post

# Rows, inner, columns: square, and as the first two convolutions come out as products of patches.
SHAPES = ((2048, 2048, 2048), (46656, 432, 64), (11664, 588, 256), (7744, 576, 128))
REPEATS = 4

Product = Callable[[np.ndarray, np.ndarray], Callable[[], object]]


def jax(size: int) -> Callable[[], float]:
    import jax

    def product(a: np.ndarray, b: np.ndarray) -> Callable[[], object]:
        multiply, left, right = jax.jit(jax.numpy.matmul), jax.device_put(a), jax.device_put(b)
        return lambda: multiply(left, right).block_until_ready()

    return _lap(size, product)


def pytorch(size: int) -> Callable[[], float]:
    import torch

    def product(a: np.ndarray, b: np.ndarray) -> Callable[[], object]:
        left, right = torch.from_numpy(a), torch.from_numpy(b)
        return lambda: left @ right

    return _lap(size, product)


def numpy(size: int) -> Callable[[], float]:
    return _lap(size, lambda a, b: lambda: a @ b)


def _lap(size: int, product: Product) -> Callable[[], float]:
    generator = np.random.default_rng(0)
    products = []
    for rows, inner, columns in SHAPES:
        a, b = (generator.standard_normal(shape, np.float32) for shape in ((rows, inner), (inner, columns)))
        products.append((2 * rows * inner * columns, product(a, b)))

    def lap() -> float:
        return post.step_flops(size) / max(operations / _seconds(run) for operations, run in products)

    lap()
    return lap


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    for _ in range(REPEATS):
        run()
    return (time.perf_counter() - started) / REPEATS
