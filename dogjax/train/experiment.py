"""Everything a run is made of, built from its configuration: data, split, network, compiled functions."""

import dataclasses
import functools
from typing import Any

import jax
import numpy as np
import optax

from dogjax.config import Config
from dogjax.data.frames import FrameTable, load_frames, open_images
from dogjax.data.pipeline import Pipeline, make_pipeline
from dogjax.data.prepare import Prepared, cache_folder, prepare
from dogjax.data.splits import Split, split_frames
from dogjax.eval.logits import Predict, collect_logits, make_predict
from dogjax.models.network import Network, check_sizes
from dogjax.prng import Streams
from dogjax.train import precise_bn
from dogjax.train.compile_cache import keep_compiled_programs
from dogjax.train.devices import Devices
from dogjax.train.optimizer import make_optimizer
from dogjax.train.state import TrainState, Variables, create_state
from dogjax.train.step import Step, make_train_step


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A configured run, ready to train or to evaluate. Pure functions come compiled."""

    config: Config
    prepared: Prepared
    table: FrameTable
    split: Split
    pipeline: Pipeline
    devices: Devices
    streams: Streams
    network: Network
    optimizer: optax.GradientTransformation
    train_step: Step
    predict: Predict
    batch_statistics: Any

    @functools.cached_property
    def split_sha256(self) -> str:
        """SHA-256 of the frame ids on both sides."""
        return self.split.sha256(self.table)

    @functools.cached_property
    def validation(self) -> FrameTable:
        """The validation frames, in the order of their logits."""
        return self.table.take(self.split.validation)

    def initial_state(self) -> TrainState:
        """The state at step 0, on the devices."""
        state = create_state(
            self.network,
            self.optimizer,
            self.config.data.image_size,
            self.streams,
            average=self.config.optim.ema_decay > 0,
            poke=self.config.seeds.poke is not None,
        )
        return self.devices.replicate(state)

    def validation_logits(self, epoch: int, *networks: Variables) -> list[np.ndarray]:
        """For each network float32 `[validation frames, classes]`, in the order of `validation`."""
        batches = self.devices.prefetch(self.pipeline.validation_batches(epoch), ("image",))
        kept = ((batch["image"], batch["mask"] > 0) for batch in batches)
        return collect_logits(self.predict, networks, kept)

    def precise(self, variables: Variables) -> Variables:
        """The variables with BatchNorm's statistics measured anew on clean training frames."""
        clean = self.pipeline.clean_training_batches(precise_bn.FRAMES)
        batches = self.devices.prefetch(clean, ("image",))
        statistics = (self.batch_statistics(variables, batch["image"]) for batch in batches)
        return variables | {"batch_stats": self.devices.replicate(precise_bn.pool_statistics(statistics))}


def build_experiment(config: Config) -> Experiment:
    """Prepares the data if needed, splits them, and compiles (on first use) the run's functions.

    Raises:
      UserError: the data, the split or the sizes do not allow the run.
    """
    check_sizes(config.model, config.data.image_size)
    keep_compiled_programs(cache_folder(config.data))
    streams = Streams(config.seed, dataclasses.asdict(config.seeds))
    prepared = prepare(config.data)
    table = load_frames(prepared.folder, config.data.merge_labels)
    split = split_frames(table, config.split, streams)
    pipeline = make_pipeline(table, open_images(table, config.data.image_size), split, config, streams)
    network = Network(config.model, len(table.label_names))
    optimizer = make_optimizer(config.optim, pipeline.steps_per_epoch, config.train.epochs)
    return Experiment(
        config=config,
        prepared=prepared,
        table=table,
        split=split,
        pipeline=pipeline,
        devices=Devices(),
        streams=streams,
        network=network,
        optimizer=optimizer,
        train_step=jax.jit(make_train_step(network, optimizer, config.optim), donate_argnums=0),
        predict=jax.jit(make_predict(network)),
        batch_statistics=jax.jit(precise_bn.make_batch_statistics(network)),
    )
