"""The devices of a run: each holds a copy of the state, and a part of every batch."""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from dogjax.prefetch import prefetch

# Batches held on the devices, the next step's included.
BATCHES_ON_DEVICE = 2


def spread_over_devices(images: jax.Array) -> jax.Array:
    """Divides `[batch, ...]` among all local devices, within a compiled function.

    The batch need not divide evenly: XLA pads the last devices' part, and masks the padding in every sum. A batch that
    enters or leaves a compiled function must, so `Devices.spread` leaves another one whole.
    """
    if len(jax.local_devices()) == 1:
        return images
    return jax.lax.with_sharding_constraint(images, NamedSharding(_mesh(), PartitionSpec("data")))


def _mesh() -> Mesh:
    return Mesh(np.array(jax.local_devices()), ("data",))


class Devices:
    """The mesh of all local devices: batches are spread over them, the state is on each."""

    def __init__(self) -> None:
        self.mesh = _mesh()

    @property
    def count(self) -> int:
        """Number of devices."""
        return self.mesh.size

    @property
    def memory(self) -> int | None:
        """Bytes that JAX may use of each; None where the host's memory is theirs."""
        limits = [(device.memory_stats() or {}).get("bytes_limit") for device in self.mesh.devices.flat]
        known = [limit for limit in limits if limit]
        return min(known) if known else None

    def replicate(self, tree: Any) -> Any:
        """Puts a whole copy of every leaf on each device."""
        return jax.device_put(tree, NamedSharding(self.mesh, PartitionSpec()))

    def spread(self, frames: int) -> NamedSharding:
        """Returns how a batch is placed: spread evenly, or whole on each device where they cannot share it evenly."""
        return NamedSharding(self.mesh, PartitionSpec("data") if frames % self.count == 0 else PartitionSpec())

    def shard(self, array: np.ndarray | jax.Array) -> jax.Array:
        """Places `[batch, ...]` as `spread` says."""
        return jax.device_put(array, self.spread(len(array)))

    def prefetch(self, batches: Iterator[dict[str, Any]], names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        """Yields the batches with the named arrays on the devices, put there before they are needed."""
        placed = (batch | {name: self.shard(batch[name]) for name in names} for batch in batches)
        return prefetch(placed, BATCHES_ON_DEVICE)
