"""Measures how far along its own gradient a batch's loss goes on falling, in steps of the run.

Larger values mean shorter steps. Along a parabola of curvature h the loss is lowest after 1 / (h rate) steps: one half
at the edge of stability, where training bounces from wall to wall (Cohen et al. 2021, arXiv 2103.00065, section 2).
"""

import dataclasses
from typing import Any

import jax
import numpy as np

from dogjax.config import OptimConfig
from dogjax.models.network import Network
from dogjax.train.experiment import Experiment
from dogjax.train.state import Variables
from dogjax.train.step import make_optimizer, make_schedule, mean_loss

BATCHES = 6
# Parts and multiples of the run's own step.
MULTIPLES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 8.0)


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
    losses = _losses_along_step(experiment.program.network, experiment.config.optim, rate)
    key = experiment.streams.key("dropout")
    batches = experiment.pipeline.train_batches(start, start + BATCHES)
    drawn = experiment.devices.prefetch(batches, ("image", "label"))
    found = np.stack(
        [
            losses(network, batch["image"], batch["label"], jax.random.fold_in(key, start + number))
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


def _losses_along_step(network: Network, config: OptimConfig, rate: float) -> Any:
    """Compiles a function of (variables, images, labels, dropout key): the loss after each of `MULTIPLES`."""
    # The clipped gradient and the decay, at a rate of 1.
    alone = {"momentum": 0.0, "learning_rate": 1.0, "schedule": "constant", "warmup_epochs": 0.0, "accumulate": 1}
    optimizer = make_optimizer(dataclasses.replace(config, **alone), 1, 1)

    def losses(variables: Variables, images: jax.Array, labels: jax.Array, key: jax.Array) -> jax.Array:
        def loss_of(params: Any) -> jax.Array:
            logits, _ = network.apply(
                {**variables, "params": params},
                images,
                dropout=True,
                batch_statistics=True,
                rngs={"dropout": key},
                mutable=["batch_stats"],
            )
            return mean_loss(logits, labels, config)

        params = variables["params"]
        step, _ = optimizer.update(jax.grad(loss_of)(params), optimizer.init(params), params)
        return jax.numpy.stack([loss_of(_moved(params, step, multiple * rate)) for multiple in MULTIPLES])

    return jax.jit(losses)


def _moved(params: Any, step: Any, distance: float) -> Any:
    return jax.tree.map(lambda at, along: at + distance * along, params, step)
