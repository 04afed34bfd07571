"""The pure train step, of one run and of several side by side."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import optax

from dogjax.config import OptimConfig
from dogjax.models.network import Network
from dogjax.prng import PRNG
from dogjax.train.losses import mean_loss
from dogjax.train.state import TrainState, Variables

Step = Callable[[TrainState, jax.Array, jax.Array, jax.Array], tuple[TrainState, jax.Array]]
# The same with a sequence of batches, and a loss for each.
Steps = Callable[[TrainState, Sequence[jax.Array], Sequence[jax.Array], jax.Array], tuple[TrainState, jax.Array]]


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


def in_turn(step: Step) -> Steps:
    """Steps on batches of one size, one after the other, as one function: a `lax.scan` where there are several."""

    def steps(state: TrainState, images: Sequence[jax.Array], labels: Sequence[jax.Array], key: jax.Array):
        if len(images) == 1:
            state, loss = step(state, images[0], labels[0], key)
            return state, loss[jnp.newaxis]
        batches = jnp.stack(images), jnp.stack(labels)
        return jax.lax.scan(lambda state, batch: step(state, *batch, key), state, batches)

    return steps


def side_by_side(steps: Steps) -> Callable[..., tuple[list[TrainState], list[jax.Array]]]:
    """The steps of several replicas as one `vmap`ped function of lists, an entry a replica.

    Stacking the arrays and taking them apart happen on the device.
    """

    def step_of_numbers(state, images, labels, key_numbers):
        return steps(state, images, labels, jax.random.wrap_key_data(key_numbers, impl=PRNG))

    def train_steps(states, images, labels, keys):
        # Keys as numbers: JAX's check for keys used twice takes the stacking of keys for a use.
        replicas = list(zip(states, images, labels, map(jax.random.key_data, keys)))
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *replicas)
        states, losses = jax.vmap(step_of_numbers)(*stacked)
        return [jax.tree.map(lambda leaf, i=i: leaf[i], states) for i in range(len(replicas))], list(losses)

    return train_steps


def _averaged(average: Variables, variables: Variables, step: jax.Array, decay: float) -> Variables:
    """Exponential moving average, with a decay that grows from .1 so that the start is forgotten.

    min(decay, (1 + t) / (10 + t)) is the rule of TensorFlow's ExponentialMovingAverage.
    """
    t = step.astype(jnp.float32)
    weight = jnp.minimum(decay, (1 + t) / (10 + t))
    return jax.tree.map(lambda old, new: weight * old + (1 - weight) * new, average, variables)
