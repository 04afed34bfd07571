"""An experiment: the data, split, batches, network and compiled functions that a configuration describes."""

import dataclasses
import functools
import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from dogjax import runtime
from dogjax.config import Config, DataConfig
from dogjax.data.arrays import ArrayImages
from dogjax.data.cache import cache_folder
from dogjax.data.resident import frames_fit, make_device_batches
from dogjax.data.splits import Split, split_frames
from dogjax.data.table import FrameTable, Images, Prepared, load_frames
from dogjax.devices import Devices
from dogjax.errors import UserError
from dogjax.eval.logits import collect_logits
from dogjax.models.network import check_sizes
from dogjax.prng import Streams
from dogjax.train.batches import Batches, ValidationFeed
from dogjax.train.identity import keep_compiled_programs
from dogjax.train.state import TrainState, Variables, create_state
from dogjax.train.step import PRECISE_FRAMES, Program, make_program, pool_statistics
from dogjax.train.step_numbers import StepNumbers, learning_rates, step_numbers

if TYPE_CHECKING:
    from dogjax.data.frames import GraphImages

# Batches that are the same in every epoch stay on the devices if they take at most this many bytes.
KEPT_BYTES = 128 * 2**20
# Training frames that every epoch is scored on, too, without augmentation.
CLEAN_FRAMES = 1024


@dataclasses.dataclass(frozen=True)
class Material:
    """Prepared frames, loaded: what runs on the same data share.

    Of `ArrayImages` batches are made without TensorFlow, on the devices.
    """

    prepared: Prepared
    table: FrameTable
    images: Images


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A configured run, ready to train or to evaluate. Its pure functions are compiled on first use."""

    config: Config
    prepared: Prepared
    table: FrameTable
    split: Split
    pipeline: Batches
    devices: Devices
    streams: Streams
    program: Program

    @functools.cached_property
    def split_sha256(self) -> str:
        """SHA-256 of the frame ids on both sides."""
        return self.split.sha256(self.table)

    @functools.cached_property
    def validation(self) -> FrameTable:
        """The validation frames, in the order of their logits."""
        return self.table.take(self.split.validation)

    @functools.cached_property
    def clean_training(self) -> FrameTable:
        """An even sample of the training frames, at most `CLEAN_FRAMES` or one batch, in the order of their logits."""
        rows = self.pipeline.clean_rows(PRECISE_FRAMES)
        return self.table.take(rows[: self._clean_batches_scored].ravel())

    @functools.cached_property
    def constant_loss(self) -> float | None:
        """The validation loss of always answering the class shares of training; None where one of them is 0.

        `sum over classes of -q log p`, with q the shares of validation and p those of training.
        """
        classes = len(self.table.label_names)
        sides = (self.table.label[frames] for frames in (self.split.train, self.split.validation))
        p, q = (np.bincount(labels, minlength=classes) / len(labels) for labels in sides)
        there = q > 0
        return None if np.any(p[there] == 0) else float(-q[there] @ np.log(p[there]))

    def initial_state(self) -> TrainState:
        """Creates the state at step 0, on the devices."""
        state = create_state(
            self.program.network,
            self.program.optimizer,
            self.config.data.image_size,
            self.streams,
            average=self.config.optim.ema_decay > 0,
            poke=self.config.seeds.poke is not None,
        )
        return self.devices.replicate(state)

    def numbers(self, step: int, count: int) -> StepNumbers:
        """Returns the numbers of the steps `step`, ..., `step + count - 1`, as `Program.train_steps` takes them."""
        return self._numbers.replace(learning_rate=self._learning_rates[step : step + count])

    def validation_logits(self, epoch: int, *networks: Variables) -> list[np.ndarray]:
        """Computes, for each network, float32 `[validation frames, classes]` in the order of `validation`."""
        placed = ((batch["image"], batch["mask"] > 0) for batch in self._validation_batches(epoch))
        return collect_logits(self.program.predict, networks, placed)

    def clean_training_logits(self, *networks: Variables) -> list[np.ndarray]:
        """Computes, for each network, float32 `[frames, classes]` in the order of `clean_training`."""
        batches = itertools.islice(self._clean_batches(), self._clean_batches_scored)
        placed = ((batch["image"], np.ones(len(batch["frame"]), bool)) for batch in batches)
        return collect_logits(self.program.predict, networks, placed)

    @property
    def has_running_statistics(self) -> bool:
        """Whether epochs are evaluated with BatchNorm's running statistics."""
        return self.config.model.norm == "batch" and self.config.model.norm_statistics == "running"

    def evaluated(self, variables: Variables) -> Variables:
        """Returns what an epoch is evaluated with: the variables, or `precise` ones if the configuration says so."""
        unchanged = self.config.model.norm != "batch" or self.has_running_statistics
        return variables if unchanged else self.precise(variables)

    def precise(self, variables: Variables) -> Variables:
        """Returns the variables with BatchNorm's statistics measured anew on clean training frames."""
        statistics = (self.program.batch_statistics(variables, batch["image"]) for batch in self._clean_batches())
        return variables | {"batch_stats": self.devices.replicate(pool_statistics(statistics))}

    @functools.cached_property
    def _clean_batches_scored(self) -> int:
        return max(1, CLEAN_FRAMES // self.pipeline.clean_rows(PRECISE_FRAMES).shape[1])

    @functools.cached_property
    def _numbers(self) -> StepNumbers:
        return self.devices.replicate(step_numbers(self.config.optim))

    @functools.cached_property
    def _learning_rates(self) -> np.ndarray:
        return learning_rates(self.config.optim, self.pipeline.steps_per_epoch, self.config.train.epochs)

    def _validation_batches(self, epoch: int) -> Iterable[dict[str, Any]]:
        if not self.config.augment.validation and self._fit_on_devices(len(self.split.validation)):
            return self._kept_validation
        return self._validation_feed.batches(epoch)

    def _clean_batches(self) -> Iterable[dict[str, Any]]:
        if self._fit_on_devices(min(len(self.split.train), PRECISE_FRAMES)):
            return self._kept_clean
        return self.devices.prefetch(self.pipeline.clean_training_batches(PRECISE_FRAMES), ("image",))

    @functools.cached_property
    def _validation_feed(self) -> ValidationFeed:
        return ValidationFeed(self.pipeline, self.devices, self.config.train.epochs)

    @functools.cached_property
    def _kept_validation(self) -> list[dict[str, Any]]:
        return list(self.devices.prefetch(self.pipeline.validation_batches(0), ("image",)))

    @functools.cached_property
    def _kept_clean(self) -> list[dict[str, Any]]:
        return list(self.devices.prefetch(self.pipeline.clean_training_batches(PRECISE_FRAMES), ("image",)))

    def _fit_on_devices(self, frames: int) -> bool:
        return frames * self.config.data.image_size**2 * 12 <= KEPT_BYTES  # three channels of float32


def load_material(data: DataConfig) -> Material:
    """Prepares the data if needed, and loads them.

    Raises:
      UserError: the data do not allow a run.
    """
    # Imported late: a run on arrays needs neither TensorFlow nor TFDS.
    from dogjax.data.frames import open_images
    from dogjax.data.mask import mask_images
    from dogjax.data.prepare import prepare

    prepared = prepare(data)
    assert prepared.folder is not None  # only arrays have none
    table = load_frames(prepared.folder, data.merge_labels)
    images = mask_images(open_images(table, data.image_size), data.mask)
    return Material(prepared, table, images)


def build_experiment(config: Config, material: Material | None = None) -> Experiment:
    """Splits the data, and makes the run's functions.

    Args:
      config: of the run.
      material: of `config.data`, where it is loaded already.

    Raises:
      UserError: the data, the split or the sizes do not allow the run.
    """
    runtime.start()
    check_sizes(config.model, config.data.image_size)
    keep_compiled_programs(cache_folder(config.data))
    streams = Streams(config.seed, dataclasses.asdict(config.seeds))
    material = material or load_material(config.data)
    table = material.table
    split = split_frames(table, config.split, streams)
    devices = Devices()
    pipeline = _make_batches(material, split, config, streams, devices)
    return Experiment(
        config=config,
        prepared=material.prepared,
        table=table,
        split=split,
        pipeline=pipeline,
        devices=devices,
        streams=streams,
        program=make_program(config.model, config.optim, len(table.label_names)),
    )


def _make_batches(material: Material, split: Split, config: Config, streams: Streams, devices: Devices) -> Batches:
    if _are_made_on_devices(material, config, devices):
        return make_device_batches(material.table, material.images, split, config, streams, devices)
    from dogjax.data.pipeline import make_pipeline

    images = cast("GraphImages", material.images)  # the only other kind
    return make_pipeline(material.table, images, split, config, streams)


def _are_made_on_devices(material: Material, config: Config, devices: Devices) -> bool:
    where, in_arrays = config.data.augment_on, isinstance(material.images, ArrayImages)
    if in_arrays and where == "host":
        raise UserError("data.augment_on=host: batches of arrays are made on the devices; set auto or device")
    if where == "auto":
        return in_arrays or (runtime.on_accelerator() and frames_fit(material.table, config, devices))
    return where == "device"
