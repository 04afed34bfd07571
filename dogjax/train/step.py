"""The pure train step."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from dogjax.config import OptimConfig
from dogjax.models.network import Network
from dogjax.train.losses import mean_loss
from dogjax.train.state import TrainState, Variables

Step = Callable[[TrainState, jax.Array, jax.Array, jax.Array], tuple[TrainState, jax.Array]]


def make_train_step(network: Network, optimizer: optax.GradientTransformation, config: OptimConfig) -> Step:
    """The step as a pure function of (state, images, labels, dropout key); not yet compiled.

    It returns the next state and the batch's mean loss. The dropout key is the stream's; the step
    number is folded in here, so that a draw depends on nothing but the seed and the step.
    """

    def train_step(state: TrainState, images: jax.Array, labels: jax.Array, dropout_key: jax.Array):
        def loss_of(params):
            logits, changed = network.apply(
                {"params": params, "batch_stats": state.batch_stats},
                images,
                dropout=True,
                batch_statistics=True,
                rngs={"dropout": jax.random.fold_in(dropout_key, state.step)},
                mutable=["batch_stats"],
            )
            return mean_loss(logits, labels, config), (logits, changed.get("batch_stats", {}))

        (loss, (logits, batch_stats)), gradients = jax.value_and_grad(loss_of, has_aux=True)(state.params)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        variables = {"params": params, "batch_stats": batch_stats}
        frames = jnp.float32(len(labels))
        sums = {
            "loss": state.sums["loss"] + loss * frames,
            "correct": state.sums["correct"] + (logits.argmax(-1) == labels).sum(),
            "frames": state.sums["frames"] + frames,
        }
        average = None if state.average is None else _averaged(state.average, variables, state.step, config.ema_decay)
        return TrainState(state.step + 1, params, batch_stats, opt_state, average, sums), loss

    return train_step


def _averaged(average: Variables, variables: Variables, step: jax.Array, decay: float) -> Variables:
    """Exponential moving average, with a decay that grows from .1 so that the start is forgotten.

    min(decay, (1 + t) / (10 + t)) is the rule of TensorFlow's ExponentialMovingAverage.
    """
    t = step.astype(jnp.float32)
    weight = jnp.minimum(decay, (1 + t) / (10 + t))
    return jax.tree.map(lambda old, new: weight * old + (1 - weight) * new, average, variables)
