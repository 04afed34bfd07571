"""Computes the logits of a whole side of a split."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from dogjax.devices import spread_over_devices
from dogjax.models.network import Network
from dogjax.prefetch import prefetch

# Batches sent to the device before the logits of the first one are fetched.
AHEAD = 3

Predict = Callable[[Any, Sequence[Any], jax.Array], list[jax.Array]]


def make_predict(network: Network) -> Predict:
    """Makes a pure function of (params, several `batch_stats`, images `[batch, side, side, 3]`).

    It returns logits float32 `[batch, classes]` for each of the statistics. The layers before the first norm do not
    depend on them, and are computed once.
    """

    def predict(params: Any, statistics: Sequence[Any], images: jax.Array) -> Any:
        images = spread_over_devices(images)
        networks = ({"params": params, "batch_stats": each} for each in statistics)
        return [network.apply(each, images, dropout=False, batch_statistics=False) for each in networks]

    return predict


def collect_logits(
    predict: Predict, networks: Sequence[Any], batches: Iterable[tuple[jax.Array, np.ndarray]]
) -> list[np.ndarray]:
    """Computes the logits of every frame for each network, in the order of the batches, which are drawn once.

    Args:
      predict: the compiled `make_predict`.
      networks: the variables of each; those that share their `params` are evaluated together.
      batches: images on the device, and bool `[batch]` on the host, False for padding.

    Returns:
      For each network float32 `[frames, classes]`.
    """
    sharing: dict[int, list[int]] = {}
    for number, variables in enumerate(networks):
        sharing.setdefault(id(variables["params"]), []).append(number)

    def predicted() -> Iterator[tuple[list[jax.Array], np.ndarray]]:
        for images, kept in batches:
            logits: dict[int, jax.Array] = {}
            for numbers in sharing.values():
                statistics = [networks[number]["batch_stats"] for number in numbers]
                logits |= zip(numbers, predict(networks[numbers[0]]["params"], statistics, images))
            yield [logits[number] for number in range(len(networks))], kept

    parts = [_fetch(*each) for each in prefetch(predicted(), AHEAD)]
    return [np.concatenate(each) for each in zip(*parts)]


def _fetch(logits: list[jax.Array], kept: np.ndarray) -> list[np.ndarray]:
    return [np.asarray(each)[kept] for each in logits]
