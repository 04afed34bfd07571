"""The train state: everything that changes from step to step, and nothing else."""

import functools
import hashlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import struct

from dogjax.models.network import Network
from dogjax.prng import Streams

Variables = dict[str, Any]


@struct.dataclass
class TrainState:
    """A point of a run; pure data.

    Attributes:
      step: int32 scalar, batches seen.
      params: the network's parameters.
      batch_stats: BatchNorm's running statistics; empty for other norms.
      opt_state: the optimizer's state.
      average: the moving average of `params` and `batch_stats`; null where `optim.ema_decay` is 0.
      sums: the epoch so far: `loss`, `correct` and `frames`, float32 scalars.
    """

    step: jax.Array
    params: Any
    batch_stats: Any
    opt_state: optax.OptState
    average: Variables | None
    sums: dict[str, jax.Array]

    @property
    def variables(self) -> Variables:
        """The network's variables as the last step left them."""
        return {"params": self.params, "batch_stats": self.batch_stats}

    @property
    def evaluated(self) -> Variables:
        """The variables to evaluate: the average where one is kept, else the last."""
        return self.variables if self.average is None else self.average


def create_state(
    network: Network,
    optimizer: optax.GradientTransformation,
    image_size: int,
    streams: Streams,
    *,
    average: bool,
    poke: bool,
) -> TrainState:
    """The state at step 0. Parameters come from stream `init`; `poke` moves one of them by one ulp."""
    variables = _initial_variables(network, image_size, streams.key("init"))
    params, batch_stats = variables["params"], variables.get("batch_stats", {})
    if poke:
        params = poke_parameter(params, streams.numpy("poke"))
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        batch_stats=batch_stats,
        opt_state=optimizer.init(params),
        # A copy: the step donates its input, and one buffer cannot be given away twice.
        average=jax.tree.map(jnp.copy, {"params": params, "batch_stats": batch_stats}) if average else None,
        sums=zero_sums(),
    )


# Compiled as one: alone, every operation of a forward pass that nobody needs would be compiled and run.
@functools.partial(jax.jit, static_argnums=(0, 1))
def _initial_variables(network: Network, image_size: int, key: jax.Array) -> Any:
    images = jnp.zeros((1, image_size, image_size, 3))
    return network.init(key, images, dropout=False, batch_statistics=False)


def zero_sums() -> dict[str, jax.Array]:
    """The sums of an epoch that has not begun."""
    return {name: jnp.zeros((), jnp.float32) for name in ("loss", "correct", "frames")}


def poke_parameter(params: Any, generator: np.random.Generator) -> Any:
    """Moves one parameter, drawn uniformly from all, to the next larger float32.

    The smallest change there is; what it does to a run is the floor of a seed study (Summers &
    Dinneen, ICML 2021).
    """
    leaves, structure = jax.tree.flatten(params)
    place = int(generator.integers(sum(leaf.size for leaf in leaves)))
    for number, leaf in enumerate(leaves):
        if place < leaf.size:
            values = np.array(leaf)
            values.flat[place] = np.nextafter(values.flat[place], np.float32(np.inf))
            leaves[number] = jnp.asarray(values)
            break
        place -= leaf.size
    return jax.tree.unflatten(structure, leaves)


def state_sha256(state: TrainState) -> str:
    """SHA-256 over every leaf's path, type, shape and bytes, in the tree's order."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(jax.device_get(state)):
        array = np.asarray(leaf)
        digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
