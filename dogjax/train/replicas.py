"""A step of several replicas of a run, side by side.

On an accelerator the replicas are one `vmap`ped step: their products are batched, and small ones fill the
device. On a CPU a step's products fill all cores already, so each replica takes its own step, in a thread of
its own: while one replica is in an operation too small to share, another uses the idle core. Nothing of
that changes an operation, so on a CPU a replica's bits are those of the run trained alone.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax

from dogjax.train.state import TrainState


class Replicas:
    """Steps of up to `most` replicas of runs that share their compiled functions.

    Args:
      train_step: the compiled step of one run.
      train_steps: the compiled step of a list of them.
      most: number of replicas at most.
      vmapped: whether to take the steps as one; by default, on accelerators only.
    """

    def __init__(self, train_step: Any, train_steps: Any, most: int, *, vmapped: bool | None = None) -> None:
        self._vmapped = jax.default_backend() != "cpu" if vmapped is None else vmapped
        self._train_step, self._train_steps = train_step, train_steps
        self._threads = ThreadPoolExecutor(most, "replica")  # none starts before it has work

    def step(
        self,
        states: Sequence[TrainState],
        images: Sequence[jax.Array],
        labels: Sequence[jax.Array],
        keys: Sequence[jax.Array],
    ) -> tuple[list[TrainState], list[jax.Array]]:
        """One step of every replica: next states, and losses. The states given are used up.

        Args:
          states: one a replica.
          images: a batch a replica, `[batch, side, side, 3]`; may be one array, named several times.
          labels: likewise, `[batch]`.
          keys: each replica's dropout key.
        """
        if len(states) == 1:
            state, loss = self._train_step(states[0], images[0], labels[0], keys[0])
            return [state], [loss]
        if self._vmapped:
            return self._train_steps(list(states), list(images), list(labels), list(keys))
        results = list(self._threads.map(self._one, states, images, labels, keys))
        return [state for state, _ in results], [loss for _, loss in results]

    def _one(self, *arguments: Any) -> Any:
        return jax.block_until_ready(self._train_step(*arguments))

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown()
