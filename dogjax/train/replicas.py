"""Several replicas of a run, trained side by side by one compiled step.

On an accelerator the replicas are one `vmap`ped step: their products are batched, and small ones fill the
device. On a CPU a step's products fill all cores already, so each replica takes its own step, in a thread of
its own: while one replica is in an operation too small to share, another uses the idle core. Nothing of
that changes an operation, so on a CPU a replica's bits are those of the run trained alone.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp

from dogjax.prng import PRNG
from dogjax.train.state import TrainState
from dogjax.train.step import Step

Results = tuple[list[TrainState], list[jax.Array]]


class Replicas:
    """The step of `count` replicas.

    Args:
      step: the step of one run, not compiled.
      count: number of replicas.
      vmapped: whether to take the steps as one; by default, on accelerators only.
    """

    def __init__(self, step: Step, count: int, *, vmapped: bool | None = None) -> None:
        if vmapped is None:
            vmapped = jax.default_backend() != "cpu"
        self._vmapped = vmapped
        self._compiled = jax.jit(_vmapped(step) if vmapped else step, donate_argnums=0)
        self._threads = ThreadPoolExecutor(count, "replica")  # none starts before it has work

    def step(
        self,
        states: Sequence[TrainState],
        images: Sequence[jax.Array],
        labels: Sequence[jax.Array],
        keys: Sequence[jax.Array],
    ) -> Results:
        """One step of every replica: next states, and losses. The states given are used up.

        Args:
          states: one a replica.
          images: a batch a replica, `[batch, side, side, 3]`; may be one array, named several times.
          labels: likewise, `[batch]`.
          keys: each replica's dropout key.
        """
        if self._vmapped:
            return self._compiled(states, images, labels, keys)
        results = list(self._threads.map(self._one, states, images, labels, keys))
        return [state for state, _ in results], [loss for _, loss in results]

    def _one(self, *arguments) -> tuple[TrainState, jax.Array]:
        return jax.block_until_ready(self._compiled(*arguments))

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown()


def _vmapped(step: Step) -> Callable[..., Results]:
    """The steps of all replicas as one, on stacked arrays; stacking and taking apart happen on the device."""

    def step_of_numbers(state, images, labels, key_numbers):
        return step(state, images, labels, jax.random.wrap_key_data(key_numbers, impl=PRNG))

    def together(states, images, labels, keys):
        # Keys as numbers: JAX's check for keys used twice takes the stacking of keys for a use.
        replicas = list(zip(states, images, labels, map(jax.random.key_data, keys)))
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *replicas)
        states, losses = jax.vmap(step_of_numbers)(*stacked)
        return [jax.tree.map(lambda leaf, i=i: leaf[i], states) for i in range(len(replicas))], list(losses)

    return together
