"""The numbers of a training step that its compiled program is handed: the learning rate, decays and limits.

Compiled in, each of them would cost seconds for every other value. A number that is 0 is left out of the program, so
programs are told apart by which numbers are there (`without_numbers`), and not by their values. Label smoothing is
compiled in all the same: with it as an argument, sums are rounded otherwise.
"""

import dataclasses
from typing import Any

import jax
import numpy as np
import optax
from flax import struct

from dogjax.config import OptimConfig

# Fields that a program is handed where they are not 0.
_HANDED = ("momentum", "weight_decay", "clip_norm", "ema_decay")


@struct.dataclass
class StepNumbers:
    """The numbers of a step: float32 scalars, or None where the program asks for none.

    Attributes:
      learning_rate: of the step; of several steps in turn `[steps]`.
      momentum, weight_decay, clip_norm, ema_decay: as in the configuration.
    """

    learning_rate: Any = None
    momentum: Any = None
    weight_decay: Any = None
    clip_norm: Any = None
    ema_decay: Any = None


def step_numbers(config: OptimConfig) -> StepNumbers:
    """Returns the numbers that are the same in every step of a run, as NumPy's; the learning rate is None."""
    numbers = {name: getattr(config, name) for name in _HANDED}
    return StepNumbers(**{name: np.float32(number) for name, number in numbers.items() if number})


def without_numbers(config: OptimConfig) -> OptimConfig:
    """Returns what of a configuration its program depends on: numbers that are there become 1.

    The schedule and its warm-up are left out, but for whether the rate `is_constant` where batches are accumulated.
    """
    there = {name: float(getattr(config, name) > 0) for name in _HANDED}
    schedule = "constant" if config.accumulate == 1 or is_constant(config) else "linear"
    return dataclasses.replace(config, learning_rate=1.0, schedule=schedule, warmup_epochs=0.0, **there)


def is_constant(config: OptimConfig) -> bool:
    """Whether the learning rate is the same in every step."""
    return config.schedule == "constant" and not config.warmup_epochs


def make_schedule(config: OptimConfig, steps_per_epoch: int, epochs: int) -> optax.Schedule:
    """Returns the learning rate at each update: linear warm-up, then constant, or cosine or linear to 0."""
    warmup = round(config.warmup_epochs * steps_per_epoch / config.accumulate)
    rest = max(1, epochs * steps_per_epoch // config.accumulate - warmup)
    after = {
        "constant": optax.constant_schedule(config.learning_rate),
        "cosine": optax.cosine_decay_schedule(config.learning_rate, rest),
        "linear": optax.linear_schedule(config.learning_rate, 0.0, rest),
    }[config.schedule]
    if not warmup:
        return after
    return optax.join_schedules([optax.linear_schedule(0.0, config.learning_rate, warmup), after], [warmup])


def learning_rates(config: OptimConfig, steps_per_epoch: int, epochs: int) -> np.ndarray:
    """Returns the learning rate of every step of a run, float32 `[steps]`, on the host.

    Batches that are accumulated share the rate of their update. The schedule is compiled: one operation after the
    other, JAX rounds it otherwise.
    """
    updates = np.arange(epochs * steps_per_epoch, dtype=np.int32) // config.accumulate
    if is_constant(config):
        return np.full(len(updates), config.learning_rate, np.float32)
    rates = jax.jit(make_schedule(config, steps_per_epoch, epochs))(updates)
    return np.broadcast_to(np.asarray(rates, np.float32), updates.shape)  # a warm-up may be rounded to no step
