"""The same network as anybody would write it in Flax, with XLA's own convolution and pooling."""

from collections.abc import Callable

import flax.linen as nn
import jax
import optax

from bench.contenders import post


class Plain(nn.Module):
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for width, kernel in zip(post.WIDTHS, post.KERNELS):
            x = nn.relu(nn.Conv(width, (kernel, kernel), padding="VALID", dtype=self.dtype)(x))
            x = nn.max_pool(x, (post.POOL,) * 2, (post.POOL_STRIDE,) * 2)
            x = self._norm(x)
        x = x.reshape(x.shape[0], -1)
        for width in post.DENSE:
            x = self._norm(nn.relu(nn.Dense(width, dtype=self.dtype)(x)))
            x = nn.Dropout(post.DROPOUT, deterministic=False)(x)
        return nn.Dense(post.CLASSES)(x)

    def _norm(self, x: jax.Array) -> jax.Array:
        return nn.BatchNorm(use_running_average=False, momentum=post.NORM_MOMENTUM, epsilon=post.EPSILON)(x)


def train_step(size: int, frames: int = post.BATCH, dtype: str = "float32") -> Callable[[], float]:
    images, labels = (jax.device_put(array) for array in post.batch(size, frames=frames))
    network, optimizer, key = Plain(dtype), optax.sgd(post.LEARNING_RATE), jax.random.key(0)
    variables = jax.jit(network.init)({"params": key, "dropout": key}, images)

    def step(params, batch_stats, opt_state):
        def loss_of(params):
            variables = {"params": params, "batch_stats": batch_stats}
            logits, changed = network.apply(variables, images, rngs={"dropout": key}, mutable=["batch_stats"])
            loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
            return loss, changed["batch_stats"]

        gradients, batch_stats_new = jax.grad(loss_of, has_aux=True)(params)
        updates, opt_state = optimizer.update(gradients, opt_state)
        return optax.apply_updates(params, updates), batch_stats_new, opt_state

    compiled = jax.jit(step, donate_argnums=(0, 1, 2))
    state = variables["params"], variables["batch_stats"], optimizer.init(variables["params"])

    def one() -> None:
        nonlocal state
        state = compiled(*state)

    return post.lap_of(one, lambda: jax.block_until_ready(state))
