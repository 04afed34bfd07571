"""Logits of a whole side of a split."""

import collections
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import numpy as np

from dogjax.models.network import Network

AHEAD = 2

Predict = Callable[[Any, jax.Array], jax.Array]


def make_predict(network: Network) -> Predict:
    """A pure function of (variables, images `[batch, side, side, 3]`): logits float32 `[batch, classes]`."""

    def predict(variables: Any, images: jax.Array) -> Any:
        return network.apply(variables, images, dropout=False, batch_statistics=False)

    return predict


def collect_logits(
    predict: Predict, networks: Sequence[Any], batches: Iterable[tuple[jax.Array, np.ndarray]]
) -> list[np.ndarray]:
    """Logits of every frame once for each network, in the order of the batches, which are drawn once.

    Args:
      predict: the compiled `make_predict`.
      networks: the variables of each.
      batches: images on the device, and bool `[batch]` on the host, false where a frame is padding.

    Returns:
      A float32 `[frames, classes]` a network.
    """
    pending: collections.deque[tuple[list[jax.Array], np.ndarray]] = collections.deque()
    parts = []
    for images, kept in batches:
        pending.append(([predict(variables, images) for variables in networks], kept))
        # The device works on the next batches while this one is fetched.
        if len(pending) > AHEAD:
            parts.append(_fetch(*pending.popleft()))
    parts += [_fetch(*each) for each in pending]
    return [np.concatenate(each) for each in zip(*parts)]


def _fetch(logits: list[jax.Array], kept: np.ndarray) -> list[np.ndarray]:
    return [np.asarray(each)[kept] for each in logits]
