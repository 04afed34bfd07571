"""Chooses the frames of each batch, and draws their transforms: for tf.data and for devices alike.

Training batch t depends on the seeds and on t alone: its epoch is t // steps_per_epoch, the epoch's order is seeded by
stream `order`, and a frame's transform is seeded by stream `augment`, the epoch and the visit (`sampling.py`): the
frame, unless it has come before in the epoch. No iterator has a state worth saving, so a run that resumes at step t
begins with batch t.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from dogjax.config import Config
from dogjax.data.philox import fold_in
from dogjax.data.pixels import Scaling
from dogjax.data.sampling import visits_of_epoch
from dogjax.data.splits import Split
from dogjax.data.table import FrameTable, Images
from dogjax.data.transforms import Transforms, draw_transforms
from dogjax.errors import UserError
from dogjax.prng import Streams

# A validation batch is padded to the full size. Beyond this many times all frames the padding is refused: it would only
# take memory.
MOST_PADDING = 10
# The epochs whose order a run keeps: batches are made ahead, into the next one.
ORDERS_KEPT = 2


@dataclasses.dataclass(frozen=True)
class Batching:
    """The frames of one run, divided into batches of `train.batch_size`."""

    table: FrameTable
    images: Images
    split: Split
    config: Config
    streams: Streams
    scaling: Scaling

    @property
    def batch_size(self) -> int:
        """Frames to a full batch."""
        return self.config.train.batch_size

    @property
    def steps_per_epoch(self) -> int:
        """Training batches to an epoch, the smaller last one included unless it is dropped."""
        size, frames = self.batch_size, len(self.split.train)
        return frames // size if self.config.train.drop_remainder else -(-frames // size)

    @property
    def validation_steps(self) -> int:
        """Validation batches to an epoch, the padded last one included."""
        return -(-len(self.split.validation) // self.batch_size)

    @property
    def draws(self) -> tuple:
        """Two sources of one class with equal `draws` give the same training batches."""
        train, seeds = self.config.train, (self.streams.tf_seed(name).tobytes() for name in ("order", "augment"))
        size = (train.batch_size, train.drop_remainder, train.sampling)
        return self.config.data, self.config.augment, *size, self.split.sha256(self.table), *seeds

    def train_frames(self, step: int) -> np.ndarray:
        """Returns the frame numbers of one training batch: int64 `[batch]`."""
        return self.frames_of(self.train_visits(step))

    def train_visits(self, step: int) -> np.ndarray:
        """Returns the visits of one training batch: int64 `[batch]`."""
        epoch, place = divmod(step, self.steps_per_epoch)
        return self._order(epoch)[place * self.batch_size : (place + 1) * self.batch_size]

    @functools.cached_property
    def _order(self) -> Callable[[int], np.ndarray]:
        """A function of the epoch: its visits in their order. It is asked at every step."""

        @functools.lru_cache(maxsize=ORDERS_KEPT)
        def order(epoch: int) -> np.ndarray:
            seed = fold_in(self.streams.tf_seed("order"), epoch)
            return visits_of_epoch(self.table, self.split.train, self.config.train.sampling, seed)

        return order

    def frames_of(self, visits: Any) -> Any:
        """Returns the frame of each visit: int64 `[batch]`, in NumPy or TensorFlow as `visits` are."""
        return visits % len(self.table)

    def transforms(self, visits: np.ndarray, epoch: int) -> Transforms:
        """Draws the transforms of visits in an epoch; a frame's number is its first visit."""
        seed = fold_in(self.streams.tf_seed("augment"), epoch)
        return draw_transforms(visits, self.config.data.image_size, self.config.augment, seed)

    def validation_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the frames of each validation batch, and a mask: int64 and float32 `[batches, batch]`.

        Frames are repeated to fill the last batch; the mask is 0 there.
        """
        frames = self.split.validation
        rows = np.resize(frames, self.validation_steps * self.batch_size)
        mask = (np.arange(len(rows)) < len(frames)).astype(np.float32)
        return rows.reshape(-1, self.batch_size), mask.reshape(-1, self.batch_size)

    def clean_rows(self, limit: int) -> np.ndarray:
        """Returns at most `limit` training frames in batches of one size, int64 `[batches, frames]`.

        Batch j holds every k-th frame from the j-th on (k batches), so each is an even sample of all classes and
        times. Fewer than k frames, which would not fill their batch, are left out.
        """
        frames = self.split.train
        frames = frames[:: max(1, -(-len(frames) // limit))]
        count = -(-len(frames) // self.batch_size)
        return frames[: len(frames) // count * count].reshape(-1, count).T


def check_batch_size(frames: int, train_frames: int, config: Config) -> None:
    """Checks that `train.batch_size` suits the data, before pixels are read.

    Args:
      frames: the number of all frames.
      train_frames: the number of training frames.
      config: of the run.

    Raises:
      UserError: a batch is far larger than all frames, or the training frames do not fill one and the remainder is to
        be dropped.
    """
    size = config.train.batch_size
    if size > MOST_PADDING * frames:
        raise UserError(f"train.batch_size={size}: there are {frames} frames; use a smaller batch")
    if config.train.drop_remainder and train_frames < size:
        raise UserError(
            f"train.batch_size={size}: training has {train_frames} frames and "
            "train.drop_remainder=true drops them all; use a smaller batch, or keep the remainder"
        )
