"""dogjax itself."""

from collections.abc import Callable

import jax
import optax

from bench.contenders import post
from dogjax.config import ModelConfig, OptimConfig
from dogjax.models.network import Network
from dogjax.prng import Streams
from dogjax.train.allocator import keep_freed_memory
from dogjax.train.state import create_state
from dogjax.train.step import make_train_step


def train_step(size: int) -> Callable[[], float]:
    keep_freed_memory()
    config = ModelConfig(widths=post.WIDTHS, kernels=post.KERNELS, dense=post.DENSE, dropout=post.DROPOUT)
    network, optimizer = Network(config, post.CLASSES), optax.sgd(post.LEARNING_RATE)
    state = create_state(network, optimizer, size, Streams(0), average=False, poke=False)
    step = jax.jit(make_train_step(network, optimizer, OptimConfig()), donate_argnums=0)
    images, labels = (jax.device_put(array) for array in post.batch(size))
    key = jax.random.key(0)

    def one() -> None:
        nonlocal state
        state, _ = step(state, images, labels, key)

    return post.lap_of(one, lambda: jax.block_until_ready(state))
