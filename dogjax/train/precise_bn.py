"""BatchNorm statistics measured anew on clean training frames ("precise BN").

Wu & Johnson, "Rethinking 'Batch' in BatchNorm" (2021, arXiv 2105.07576), section 3: the running
average lags behind the weights; statistics averaged over batches with the weights held still do not.
"""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np

from dogjax.ahead import ahead
from dogjax.models.network import Network
from dogjax.train.state import Variables

# Section 3.2 of the paper: 1,000 to 10,000 samples are enough.
FRAMES = 4096
# Batches that the device is sent before the first one's statistics are fetched.
AHEAD = 3


def make_batch_statistics(network: Network) -> Callable[[Variables, jax.Array], Any]:
    """A pure function of (variables, images): the `batch_stats` of that batch alone."""
    # With momentum 0 the "running" statistics after a batch are the batch's own.
    memoryless = Network(dataclasses.replace(network.config, norm_momentum=0.0), network.classes)

    def batch_statistics(variables: Variables, images: jax.Array) -> Any:
        _, changed = memoryless.apply(variables, images, dropout=False, batch_statistics=True, mutable=["batch_stats"])
        return changed["batch_stats"]

    return batch_statistics


def pool_statistics(batches: Iterable[Any]) -> Any:
    """The `batch_stats` of a whole sample, from those of its batches, all of one size.

    The variance is the mean square less the square of the mean, summed in float64.
    """
    mean, square, count = None, None, 0
    for statistics in ahead(batches, AHEAD):
        host = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), jax.device_get(statistics))
        each_mean = _map_norms(lambda norm: norm["mean"], host)
        each_square = _map_norms(lambda norm: norm["var"] + norm["mean"] ** 2, host)
        mean = each_mean if mean is None else jax.tree.map(np.add, mean, each_mean)
        square = each_square if square is None else jax.tree.map(np.add, square, each_square)
        count += 1
    if mean is None:
        raise ValueError("no batches to estimate statistics from")

    def pool(total: np.ndarray, squares: np.ndarray) -> dict[str, np.ndarray]:
        average = total / count
        variance = np.maximum(squares / count - average**2, 0.0)
        return {"mean": average.astype(np.float32), "var": variance.astype(np.float32)}

    return jax.tree.map(pool, mean, square)


def _map_norms(function: Callable, tree: Any) -> Any:
    """Applies `function` to every innermost dictionary: one for each BatchNorm."""
    return jax.tree.map(function, tree, is_leaf=lambda node: isinstance(node, dict) and "mean" in node)
