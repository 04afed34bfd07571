"""The pure functions of a run, compiled once for all runs that share them."""

import dataclasses
import functools
from typing import Any

import jax
import optax

from dogjax.config import ModelConfig, OptimConfig
from dogjax.eval.logits import Predict, make_predict
from dogjax.models.network import Network
from dogjax.train import precise_bn
from dogjax.train.optimizer import make_optimizer
from dogjax.train.step import in_turn, make_train_step, side_by_side

# A compiled step holds some megabytes: the arms of a study seldom take more than this many.
MOST = 8


@dataclasses.dataclass(frozen=True)
class Program:
    """The network, its optimizer, and what is computed with them.

    Attributes:
      train_steps: compiled; takes some steps in turn, and uses up the state that it is given.
      train_replicas: compiled; the same for a list of replicas as one function.
      predict: compiled.
      batch_statistics: compiled; BatchNorm's statistics of a batch.
    """

    network: Network
    optimizer: optax.GradientTransformation
    train_steps: Any
    train_replicas: Any
    predict: Predict
    batch_statistics: Any


@functools.lru_cache(maxsize=MOST)
def make_program(model: ModelConfig, optim: OptimConfig, classes: int, steps_per_epoch: int, epochs: int) -> Program:
    """The program of a network with `classes` logits; calls that agree in all arguments share one."""
    network = Network(model, classes)
    optimizer = make_optimizer(optim, steps_per_epoch, epochs)
    steps = in_turn(make_train_step(network, optimizer, optim))
    return Program(
        network=network,
        optimizer=optimizer,
        train_steps=jax.jit(steps, donate_argnums=0),
        train_replicas=jax.jit(side_by_side(steps), donate_argnums=0),
        predict=jax.jit(make_predict(network)),
        batch_statistics=jax.jit(precise_bn.make_batch_statistics(network)),
    )
