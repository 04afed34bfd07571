"""Batches on the devices: those of training by step, those of validation by epoch."""

import itertools
from collections.abc import Iterator
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
        self._first, self._batches, self._rest = 0, [], iter(())

    def batches(self, first: int, count: int) -> list[dict[str, Any]]:
        """The batches of `count` steps, `image` and `label` on the devices."""
        if (first, count) == (self._first, len(self._batches)):
            return self._batches
        if first != self._first + len(self._batches) or not self._batches:
            self._rest = self._devices.prefetch(self._pipeline.train_batches(first, self._steps), ("image", "label"))
        self._batches, self._first = list(itertools.islice(self._rest, count)), first
        return self._batches


class ValidationFeed:
    """The validation batches of a run. Asked for epoch after epoch, it is ahead of use, and starts up once.

    Args:
      pipeline: of the run.
      devices: where to put the batches.
    """

    def __init__(self, pipeline: Pipeline, devices: Devices) -> None:
        self._pipeline, self._devices = pipeline, devices
        self._next, self._rest = -1, iter(())

    def batches(self, epoch: int) -> Iterator[dict[str, Any]]:
        """The batches of one epoch, `image` on the devices."""
        if epoch != self._next:
            ahead = max(1, self._pipeline.config.train.epochs - epoch)
            self._rest = self._devices.prefetch(self._pipeline.validation_batches(epoch, ahead), ("image",))
        self._next = -1  # where the epoch is not drawn to its end, the next one starts again
        yield from itertools.islice(self._rest, self._pipeline.validation_steps)
        self._next = epoch + 1
