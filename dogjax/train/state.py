"""The state of a run: what changes from step to step, its hash, and the weights kept after every epoch."""

import functools
import hashlib
import pathlib
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import serialization, struct

from dogjax import runtime
from dogjax.errors import UserError
from dogjax.files import replacing
from dogjax.models.network import Network
from dogjax.prng import Streams

Variables = dict[str, Any]

WEIGHTS_FILE = re.compile(r"epoch_(\d{4,})\.msgpack")


@struct.dataclass
class TrainState:
    """A point of a run; pure data.

    Attributes:
      step: int32 scalar, batches seen.
      params: the network's parameters.
      batch_stats: BatchNorm's running statistics; empty for other norms.
      opt_state: the optimizer's state.
      average: the moving average of `params` and `batch_stats`; None where `optim.ema_decay` is 0.
      sums: sums over the epoch so far: `loss`, `correct` and `frames`, float32 scalars.
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
    """Returns the state at step 0. Stream `init` draws the parameters; `poke` moves one of them by one ulp."""
    variables = initial_variables(network, image_size, streams.key("init"))
    params, batch_stats = variables["params"], variables.get("batch_stats", {})
    if poke:
        params = poke_parameter(params, streams.numpy("poke"), network.config.dtype)
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        batch_stats=batch_stats,
        opt_state=optimizer.init(params),
        # A copy: the step donates its input, and one buffer cannot be donated twice.
        average=jax.tree.map(jnp.copy, {"params": params, "batch_stats": batch_stats}) if average else None,
        sums=zero_sums(),
    )


def initial_variables(network: Network, image_size: int, key: jax.Array) -> Variables:
    """Draws the parameters of a network for images of `image_size` x `image_size` pixels."""
    return _compiled_init(runtime.on_accelerator())(network, image_size, key)


@functools.cache
def _compiled_init(on_accelerator: bool) -> Any:
    """Returns the initialisation as one program.

    One operation after the other, JAX would compile and run a forward pass that nobody needs. A CPU runs the program
    once, so the compiler is asked not to take seconds over it: the same bits, five times as soon.
    """

    def init(network: Network, image_size: int, key: jax.Array) -> Any:
        images = jnp.zeros((1, image_size, image_size, 3))
        return network.init(key, images, dropout=False, batch_statistics=False)

    options = {} if on_accelerator else {"xla_backend_optimization_level": 0}
    return jax.jit(init, static_argnums=(0, 1), compiler_options=options)


def zero_sums() -> dict[str, jax.Array]:
    """Returns the sums of an epoch that has not begun."""
    return {name: jnp.zeros((), jnp.float32) for name in ("loss", "correct", "frames")}


def poke_parameter(params: Any, generator: np.random.Generator, dtype: str = "float32") -> Any:
    """Moves one parameter to the next larger number: the smallest change that the network can see.

    What this does to a run is the floor of a seed study (Summers & Dinneen, ICML 2021). The parameter is drawn
    uniformly from those that are not 0: next to 0 lie numbers that a processor takes for 0, so a step with a poked 0
    is the step without it.

    Args:
      params: the network's parameters, float32.
      generator: draws the parameter.
      dtype: the type that the network computes in; the next larger number is one of this type, since the
        network rounds its parameters to it.

    Raises:
      UserError: all parameters are 0.
    """
    leaves, structure = jax.tree.flatten(params)
    if not any(np.any(leaf) for leaf in leaves):
        raise UserError(
            "seeds.poke: every parameter starts at 0, and none can be moved; use another model.initializer, or an "
            "initializer_scale above 0"
        )
    sizes = np.cumsum([leaf.size for leaf in leaves])
    while True:
        position = int(generator.integers(sizes[-1]))
        number = int(np.searchsorted(sizes, position, side="right"))
        values = np.array(leaves[number])
        index = position - int(sizes[number]) + values.size
        if values.flat[index]:
            break
    kind = jnp.dtype(dtype).type
    values.flat[index] = np.float32(np.nextafter(kind(values.flat[index]), kind(np.inf)))
    leaves[number] = jnp.asarray(values)
    return jax.tree.unflatten(structure, leaves)


def state_sha256(state: TrainState) -> str:
    """Returns the SHA-256 over every leaf's path, type, shape and bytes, in the tree's order.

    Equal hashes mean states equal to the bit: step, parameters, statistics, moments, moving average and sums of the
    epoch. Two runs of one identity end with equal hashes.
    """
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(jax.device_get(state)):
        array = np.asarray(leaf)
        digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def write_weights(workdir: pathlib.Path, epoch: int, variables: Variables) -> None:
    """Writes `weights/epoch_0001.msgpack` and so on, atomically.

    Args:
      workdir: the run's folder.
      epoch: the number of finished epochs, from 1.
      variables: `params` and `batch_stats`.
    """
    with replacing(_weights_path(workdir, epoch)) as temporary:
        temporary.write_bytes(serialization.msgpack_serialize(jax.device_get(variables)))


def read_weights(workdir: pathlib.Path, epoch: int) -> Variables:
    """Reads the variables after `epoch` finished epochs, onto the host.

    Raises:
      FileNotFoundError: that epoch has no file.
      UserError: the file is damaged.
    """
    path = _weights_path(workdir, epoch)
    data = path.read_bytes()
    try:
        variables: Any = serialization.msgpack_restore(data)
        return {"params": variables["params"], "batch_stats": variables["batch_stats"]}
    except Exception as error:  # whatever the damage makes msgpack or NumPy raise
        raise UserError(
            f"{path}: is damaged ({type(error).__name__}); remove this file, the other epochs do"
        ) from error


def epochs_with_weights(workdir: pathlib.Path) -> list[int]:
    """Lists the numbers of the epochs that have a file, in order."""
    matches = (WEIGHTS_FILE.fullmatch(path.name) for path in (workdir / "weights").glob("epoch_*.msgpack"))
    return sorted(int(match[1]) for match in matches if match)


def _weights_path(workdir: pathlib.Path, epoch: int) -> pathlib.Path:
    return workdir / "weights" / f"epoch_{epoch:04d}.msgpack"
