"""Logits of a whole side of a split."""

import collections
from collections.abc import Callable, Iterable
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


def collect_logits(predict: Predict, variables: Any, batches: Iterable[tuple[jax.Array, np.ndarray]]) -> np.ndarray:
    """Logits of every frame once, in the order of the batches.

    Args:
      predict: the compiled `make_predict`.
      variables: the network's variables.
      batches: images on the device, and bool `[batch]` on the host, false where a frame is padding.

    Returns:
      float32 `[frames, classes]`.
    """
    pending: collections.deque[tuple[jax.Array, np.ndarray]] = collections.deque()
    parts = []
    for images, kept in batches:
        pending.append((predict(variables, images), kept))
        # The device works on the next batches while this one is fetched.
        if len(pending) > AHEAD:
            parts.append(_fetch(*pending.popleft()))
    return np.concatenate(parts + [_fetch(*each) for each in pending])


def _fetch(logits: jax.Array, kept: np.ndarray) -> np.ndarray:
    return np.asarray(logits)[kept]
