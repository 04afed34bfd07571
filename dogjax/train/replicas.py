"""Several replicas of a run, trained side by side by one compiled step.

On an accelerator the replicas are one `vmap`ped step: their products are batched, and small ones fill the
device. On a CPU a step's products fill all cores already, so each replica takes its own step, in a thread of
its own: while one replica is in an operation too small to share, another uses the idle core. Nothing of
that changes an operation, so on a CPU a replica's bits are those of the run trained alone.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp

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
        self.count = count
        self._alone = jax.jit(step, donate_argnums=0)
        self._vmapped = jax.jit(lambda *arguments: _vmapped(step, *arguments), donate_argnums=0) if vmapped else None
        self._threads = ThreadPoolExecutor(count, "replica")

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
        if self._vmapped is not None:
            return self._vmapped(states, images, labels, keys)
        results = list(self._threads.map(self._one, states, images, labels, keys))
        return [state for state, _ in results], [loss for _, loss in results]

    def _one(self, *arguments) -> tuple[TrainState, jax.Array]:
        return jax.block_until_ready(self._alone(*arguments))

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown()


def _vmapped(step: Step, *arguments: Sequence) -> Results:
    """All replicas as one step on stacked arrays; stacking and taking apart happen on the device."""
    *arrays, keys = arguments
    stacked = [jax.tree.map(lambda *leaves: jnp.stack(leaves), *replicas) for replicas in arrays]
    # As numbers: JAX's check for keys used twice takes the stacking of keys for a use.
    numbers = jnp.stack([jax.random.key_data(key) for key in keys])
    impl = jax.random.key_impl(keys[0])
    states, losses = jax.vmap(lambda *each: step(*each[:-1], jax.random.wrap_key_data(each[-1], impl=impl)))(
        *stacked, numbers
    )
    count = len(keys)
    return [jax.tree.map(lambda leaf, i=i: leaf[i], states) for i in range(count)], list(losses)
