"""Measures how far along its own gradient a batch's loss goes on falling, in steps of the run.

Larger values mean shorter steps. Along a parabola of curvature h the loss is lowest after 1 / (h rate) steps: one half
at the edge of stability, where training bounces from wall to wall (Cohen et al. 2021, arXiv 2103.00065, section 2).
"""

import dataclasses
import functools
from typing import Any

import jax
import numpy as np

from dogjax.config import ModelConfig, OptimConfig
from dogjax.models.network import Network
from dogjax.train.experiment import Experiment
from dogjax.train.state import Variables
from dogjax.train.step import PROGRAMS_KEPT, make_optimizer, mean_loss
from dogjax.train.step_numbers import StepNumbers, make_schedule, step_numbers, without_numbers

BATCHES = 6
# Parts and multiples of the run's own step.
MULTIPLES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 8.0)
# The clipped gradient and the decay alone, of one batch.
_ALONE: dict[str, Any] = {"momentum": 0.0, "accumulate": 1}


def measure_step_length(experiment: Experiment, network: Variables, epoch: int) -> dict[str, Any]:
    """Finds the multiple of the run's step after which the loss of its own batch is lowest.

    Args:
      experiment: the run.
      network: after `epoch` epochs; it is not changed.
      epoch: number of finished epochs, below that of the run.

    Returns:
      `best_multiple` (one of `MULTIPLES`), and `losses`, by multiple, the mean over batches of the loss as a share of
      the loss before the step. Both are None, and `note` says why, if the optimizer's step is not a multiple of the
      gradient, or if such a share is not finite.
    """
    optim, start = experiment.config.optim, epoch * experiment.pipeline.steps_per_epoch
    if optim.name != "sgd":
        return _unknown(f"a step of {optim.name} is not a multiple of the gradient")
    schedule = make_schedule(optim, experiment.pipeline.steps_per_epoch, experiment.config.train.epochs)
    # Momentum m makes steps 1 / (1 - m) times as long, where the gradient stays.
    rate = float(np.asarray(schedule(start // optim.accumulate))) / (1 - optim.momentum)
    alone = dataclasses.replace(optim, **_ALONE)
    numbers = step_numbers(alone).replace(learning_rate=np.float32(1))
    losses = _losses_along_step(experiment.config.model, len(experiment.table.label_names), without_numbers(alone))
    distances = np.array(MULTIPLES, np.float32) * np.float32(rate)
    key = experiment.streams.key("dropout")
    batches = experiment.pipeline.train_batches(start, start + BATCHES)
    drawn = experiment.devices.prefetch(batches, ("image", "label"))
    found = np.stack(
        [
            losses(network, batch["image"], batch["label"], jax.random.fold_in(key, start + number), numbers, distances)
            for number, batch in enumerate(drawn)
        ]
    )
    # A batch that is known by heart: in float32 a loss is 0 from a margin of 17 nats on.
    if not found[:, 0].all():
        return _unknown("the loss of a batch is exactly 0 before the step, so no step can lower it")
    if not np.isfinite(found).all():
        return _unknown("the loss of a batch is not finite along its step")
    shares = (found / found[:, :1]).mean(axis=0)
    return {
        "best_multiple": MULTIPLES[int(shares.argmin())],
        "losses": dict(zip(map(str, MULTIPLES), shares.tolist())),
        "note": None,
    }


def _unknown(note: str) -> dict[str, Any]:
    return {"best_multiple": None, "losses": None, "note": note}


@functools.lru_cache(maxsize=PROGRAMS_KEPT)  # runs of other rates and decays share it
def _losses_along_step(model: ModelConfig, classes: int, config: OptimConfig) -> Any:
    """Returns a function of (variables, images, labels, dropout key, numbers, distances): the loss after each.

    Args:
      model: the network's.
      classes: their number.
      config: the optimizer's, with the fields of `_ALONE`, and `without_numbers`.
    """
    network, optimizer = Network(model, classes), make_optimizer(config)

    def loss_of(params: Any, variables: Variables, images: jax.Array, labels: jax.Array, key: jax.Array) -> jax.Array:
        logits, _ = network.apply(
            {**variables, "params": params},
            images,
            dropout=True,
            batch_statistics=True,
            rngs={"dropout": key},
            mutable=["batch_stats"],
        )
        return mean_loss(logits, labels, config)

    @jax.jit
    def step_of(params: Any, numbers: StepNumbers, *batch: Any) -> Any:
        gradients = jax.grad(loss_of)(params, *batch)
        return optimizer.update(gradients, optimizer.init(params), params, numbers=numbers)[0]

    @jax.jit
    def loss_after(params: Any, step: Any, distance: jax.Array, *batch: Any) -> jax.Array:
        return loss_of(jax.tree.map(lambda at, along: at + distance * along, params, step), *batch)

    def losses(
        variables: Variables,
        images: jax.Array,
        labels: jax.Array,
        key: jax.Array,
        numbers: StepNumbers,
        distances: np.ndarray,
    ) -> np.ndarray:
        def batch() -> tuple[Any, ...]:
            return variables, images, labels, jax.random.clone(key)  # the same draws each time, on purpose

        step = step_of(variables["params"], numbers, *batch())
        return np.stack([loss_after(variables["params"], step, distance, *batch()) for distance in distances])

    return losses
