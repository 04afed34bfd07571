"""Data parallelism by shardings: batches are spread over all local devices, the state is on each."""

import collections
import itertools
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

# Batches held on the device ahead of the step that needs them.
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
        queue = collections.deque()

        def put(count: int) -> None:
            for batch in itertools.islice(batches, count):
                queue.append(batch | {name: self.shard(batch[name]) for name in names})

        put(PREFETCH)
        while queue:
            yield queue.popleft()
            put(1)
