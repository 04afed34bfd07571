"""How far BatchNorm's running statistics are from the truth."""

from typing import Any

import jax
import numpy as np

from dogjax.train.state import Variables


def distances(running: Variables, precise: Variables) -> dict[str, float]:
    """For each BatchNorm layer `max over channels of |mu_running - mu| / sigma`, by the layer's name.

    Args:
      running: a network as it was trained.
      precise: the same with statistics measured anew on clean training frames (Wu & Johnson 2021,
        arXiv 2105.07576, section 3).
    """
    return {
        name: _largest(jax.device_get(layer), jax.device_get(precise["batch_stats"][name]))
        for name, layer in running.get("batch_stats", {}).items()
    }


def _largest(running: Any, precise: Any) -> float:
    # A channel that never fires has no deviation, and no distance either.
    deviation = np.sqrt(np.asarray(precise["var"], np.float64))
    apart = np.abs(np.asarray(running["mean"], np.float64) - precise["mean"])
    return float(np.max(np.divide(apart, deviation, out=np.zeros_like(apart), where=deviation > 1e-6)))
