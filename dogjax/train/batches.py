"""Batches on their way to the devices: what a source of batches gives, and how they are prefetched."""

import itertools
from collections.abc import Iterator
from typing import Any, ClassVar, Protocol

import numpy as np

from dogjax.data.pixels import Scaling
from dogjax.data.table import Images
from dogjax.devices import Devices

Batch = dict[str, Any]


class Batches(Protocol):
    """The batches of one run, as pure functions of the step or the epoch.

    A batch holds `image` float32 `[batch, side, side, 3]`, `label` int32 `[batch]`, `frame` int64 `[batch]` and `mask`
    float32 `[batch]`, 0 where a frame is padding. `data/pipeline.py` computes them on the host, `data/resident.py` on
    the devices; `kind` tells which, and is a part of the run's identity. Both are dataclasses, so that a diagnosis can
    replace their images or their configuration.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]
    kind: ClassVar[str]

    @property
    def images(self) -> Images:
        """The images by frame number."""
        ...

    @property
    def scaling(self) -> Scaling:
        """How pixels are scaled."""
        ...

    @property
    def steps_per_epoch(self) -> int:
        """Training batches to an epoch."""
        ...

    @property
    def validation_steps(self) -> int:
        """Validation batches to an epoch, the padded last one included."""
        ...

    @property
    def draws(self) -> tuple:
        """Two sources with equal `draws` give the same training batches."""
        ...

    def train_batches(self, start: int, stop: int) -> Iterator[Batch]:
        """Yields the training batches of the steps `start`, ..., `stop - 1`."""
        ...

    def train_frames(self, step: int) -> np.ndarray:
        """Returns the frame numbers of one training batch."""
        ...

    def validation_batches(self, epoch: int, epochs: int = 1) -> Iterator[Batch]:
        """Yields every validation frame once an epoch, in order; each epoch's last batch is padded."""
        ...

    def clean_rows(self, limit: int) -> np.ndarray:
        """Returns the frame numbers of `clean_training_batches`, int64 `[batches, frames]`."""
        ...

    def clean_training_batches(self, limit: int) -> Iterator[Batch]:
        """Yields at most `limit` training frames without augmentation, in full batches of one size."""
        ...


class TrainingFeed:
    """The training batches of all runs whose draws agree: each is drawn once and put on the devices once.

    Steps in order are prefetched; a step out of order starts the source again there.

    Args:
      source: of one of the runs.
      devices: where to put the batches.
      steps: the longest run's number of steps.
    """

    def __init__(self, source: Batches, devices: Devices, steps: int) -> None:
        self._source, self._devices, self._steps = source, devices, steps
        self._first, self._batches, self._rest = 0, [], iter(())

    def batches(self, first: int, count: int) -> list[dict[str, Any]]:
        """Returns the batches of `count` steps, `image` and `label` on the devices."""
        if (first, count) == (self._first, len(self._batches)):
            return self._batches
        if first != self._first + len(self._batches) or not self._batches:
            self._rest = self._devices.prefetch(self._source.train_batches(first, self._steps), ("image", "label"))
        self._batches, self._first = list(itertools.islice(self._rest, count)), first
        return self._batches


class ValidationFeed:
    """The validation batches of a run. Epochs in order are prefetched, and the source starts once.

    Args:
      source: of the run.
      devices: where to put the batches.
      epochs: of the run.
    """

    def __init__(self, source: Batches, devices: Devices, epochs: int) -> None:
        self._source, self._devices, self._epochs = source, devices, epochs
        self._next, self._rest = -1, iter(())

    def batches(self, epoch: int) -> Iterator[dict[str, Any]]:
        """Yields the batches of one epoch, `image` on the devices."""
        if epoch != self._next:
            left = max(1, self._epochs - epoch)
            self._rest = self._devices.prefetch(self._source.validation_batches(epoch, left), ("image",))
        self._next = -1  # an epoch that is not drawn to its end makes the next one start the source again
        yield from itertools.islice(self._rest, self._source.validation_steps)
        self._next = epoch + 1
