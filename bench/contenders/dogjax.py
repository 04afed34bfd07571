"""dogjax itself."""

from collections.abc import Callable

import jax
import optax

from bench.contenders import post
from dogjax import runtime
from dogjax.config import ModelConfig, OptimConfig
from dogjax.models.network import Network
from dogjax.prng import Streams
from dogjax.train.loop import Replicas
from dogjax.train.state import TrainState, create_state
from dogjax.train.step import Step, make_train_step, scan_steps
from dogjax.train.step_numbers import StepNumbers

runtime.start()


def train_step(size: int, frames: int = post.BATCH, dtype: str = "float32") -> Callable[[], float]:
    """Seconds of a step of one run."""
    step, state = _step_and_state(size, seed=0, dtype=dtype)
    compiled = jax.jit(step, donate_argnums=0)
    images, labels = map(jax.device_put, post.batch(size, frames=frames))
    key = jax.random.key(0)

    def one() -> None:
        nonlocal state
        state, _ = compiled(state, images, labels, key, StepNumbers())

    return post.lap_of(one, lambda: jax.block_until_ready(state))


def replicas(size: int, count: int) -> Callable[[], float]:
    """Seconds of a step of `count` runs trained side by side, divided by their number."""
    step, _ = _step_and_state(size, seed=0)
    together = Replicas(jax.jit(scan_steps(step), donate_argnums=0), count)
    states = [_step_and_state(size, seed)[1] for seed in range(count)]
    images, labels = post.batch(size, (count,))
    images, labels = [[jax.device_put(each)] for each in images], [[jax.device_put(each)] for each in labels]
    keys = [jax.random.key(seed) for seed in range(count)]

    def one() -> None:
        nonlocal states
        states, _ = together.steps(states, images, labels, keys, [StepNumbers()] * count)

    lap = post.lap_of(one, lambda: jax.block_until_ready(states))
    return lambda: lap() / count


def _step_and_state(size: int, seed: int, dtype: str = "float32") -> tuple[Step, TrainState]:
    config = ModelConfig(widths=post.WIDTHS, kernels=post.KERNELS, dense=post.DENSE, dropout=post.DROPOUT, dtype=dtype)
    network, optimizer = Network(config, post.CLASSES), optax.sgd(post.LEARNING_RATE)
    state = create_state(network, optimizer, size, Streams(seed), average=False, poke=False)
    return make_train_step(network, optimizer, OptimConfig()), state
