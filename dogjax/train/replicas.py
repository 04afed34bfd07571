"""Steps of several replicas of a run, side by side.

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


def are_vmapped() -> bool:
    """Whether replicas take their steps as one function, which makes their bits depend on their number."""
    return jax.default_backend() != "cpu"


class Replicas:
    """Steps of up to `most` replicas of runs that share their compiled functions.

    Args:
      train_steps: the compiled steps of one run.
      train_replicas: the compiled steps of a list of them.
      most: number of replicas at most.
      vmapped: whether to take the steps as one; by default, on accelerators only.
    """

    def __init__(self, train_steps: Any, train_replicas: Any, most: int, *, vmapped: bool | None = None) -> None:
        self._vmapped = are_vmapped() if vmapped is None else vmapped
        self._train_steps, self._train_replicas = train_steps, train_replicas
        self._threads = ThreadPoolExecutor(most, "replica")  # none starts before it has work

    def width(self, count: int) -> int:
        """Runs whose steps are one function where `count` of them train side by side."""
        return count if self._vmapped else 1

    def steps(
        self,
        states: Sequence[TrainState],
        images: Sequence[Sequence[jax.Array]],
        labels: Sequence[Sequence[jax.Array]],
        keys: Sequence[jax.Array],
    ) -> tuple[list[TrainState], list[jax.Array]]:
        """The same number of steps of every replica: next states, and losses `[steps]`. The states given are used up.

        Args:
          states: one a replica.
          images: for each replica a batch a step, `[batch, side, side, 3]`; replicas may name the same arrays.
          labels: likewise, `[batch]`.
          keys: each replica's dropout key.
        """
        if len(states) == 1:
            state, losses = self._train_steps(states[0], images[0], labels[0], keys[0])
            return [state], [losses]
        if self._vmapped:
            return self._train_replicas(list(states), list(images), list(labels), list(keys))
        results = list(self._threads.map(self._one, states, images, labels, keys))
        return [state for state, _ in results], [losses for _, losses in results]

    def _one(self, *arguments: Any) -> Any:
        return jax.block_until_ready(self._train_steps(*arguments))

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown()
