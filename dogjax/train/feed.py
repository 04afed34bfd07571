"""Training batches on the devices, by step."""

from typing import Any

from dogjax.data.pipeline import Pipeline
from dogjax.train.devices import Devices


class Feed:
    """The training batches of all runs whose draws agree: each is drawn once, and put on the devices once.

    Asked for step after step, it is ahead of use; asked for another step, it starts again there.

    Args:
      pipeline: of one of the runs.
      devices: where to put the batches.
      steps: the longest run's number of steps.
    """

    def __init__(self, pipeline: Pipeline, devices: Devices, steps: int) -> None:
        self._pipeline, self._devices, self._steps = pipeline, devices, steps
        self._at, self._batch, self._rest = -1, {}, iter(())

    def batch(self, step: int) -> dict[str, Any]:
        """The batch of one step, `image` and `label` on the devices."""
        if step == self._at:
            return self._batch
        if step != self._at + 1 or not self._batch:
            self._rest = self._devices.prefetch(self._pipeline.train_batches(step, self._steps), ("image", "label"))
        self._batch, self._at = next(self._rest), step
        return self._batch
