"""Data parallelism by shardings: batches are spread over all local devices, the state is on each."""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from dogjax.ahead import ahead

# Batches held on the device, that of the step which comes next included.
PREFETCH = 2


class Devices:
    """The mesh of all local devices."""

    def __init__(self) -> None:
        self._mesh = jax.sharding.Mesh(np.array(jax.local_devices()), ("data",))

    @property
    def count(self) -> int:
        """Number of devices."""
        return self._mesh.size

    def replicate(self, tree: Any) -> Any:
        """Puts a whole copy of every leaf on each device."""
        return jax.device_put(tree, NamedSharding(self._mesh, PartitionSpec()))

    def shard(self, array: np.ndarray) -> jax.Array:
        """Spreads `[batch, ...]` over the devices; a batch that they cannot share evenly is replicated."""
        spec = PartitionSpec("data") if len(array) % self.count == 0 else PartitionSpec()
        return jax.device_put(array, NamedSharding(self._mesh, spec))

    def prefetch(self, batches: Iterator[dict[str, np.ndarray]], names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        """The batches with the named arrays on the devices, put there ahead of use."""
        return ahead((batch | {name: self.shard(batch[name]) for name in names} for batch in batches), PREFETCH)
