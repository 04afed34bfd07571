"""One training step: the loss, the optimizer, the pure step, and the programs compiled from them.

`make_program` makes the functions that a run computes on its devices, compiled on first use:

    train_steps       some steps in turn              state, batches, key, numbers -> state, losses
    predict           logits of a batch               params, statistics, images -> logits
    batch_statistics  BatchNorm's of one batch        variables, images -> batch_stats
"""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dogjax.config import ModelConfig, OptimConfig
from dogjax.devices import spread_over_devices
from dogjax.eval.logits import Predict, make_predict
from dogjax.models.network import Network
from dogjax.prefetch import prefetch
from dogjax.train.state import TrainState, Variables
from dogjax.train.step_numbers import StepNumbers, is_constant, without_numbers

Step = Callable[[TrainState, jax.Array, jax.Array, jax.Array, StepNumbers], tuple[TrainState, jax.Array]]
# The same with a sequence of batches, a learning rate for each, and a loss for each.
Steps = Callable[
    [TrainState, Sequence[jax.Array], Sequence[jax.Array], jax.Array, StepNumbers], tuple[TrainState, jax.Array]
]

# The value that Lin et al. (ICCV 2017, section 5.1) found best.
FOCAL_GAMMA = 2.0
# Frames to measure BatchNorm's statistics on: 1,000 to 10,000 are enough (Wu & Johnson 2021, section 3.2).
PRECISE_FRAMES = 4096
# Batches sent to the device before the host fetches the first one's statistics.
BATCHES_AHEAD = 3
# Programs kept: a compiled step holds some megabytes, and the arms of a study seldom need more than this many.
PROGRAMS_KEPT = 8


def mean_loss(logits: jax.Array, labels: jax.Array, config: OptimConfig) -> jax.Array:
    """Computes the configured training loss, averaged over a batch.

    Args:
      logits: float32 `[batch, classes]`.
      labels: int32 `[batch]`.
      config: `loss` and `label_smoothing`.

    Returns:
      float32 scalar. Focal loss is (1 - p_t)^gamma times the cross-entropy (Lin et al., ICCV 2017,
      eq. 4); smoothing mixes the uniform distribution into the target (Szegedy et al., CVPR 2016). The mean squared
      error is over classes too, between softmax and target: Keras's loss="mse" of a network that ends in a softmax.
    """
    targets = optax.smooth_labels(jax.nn.one_hot(labels, logits.shape[-1]), config.label_smoothing)
    if config.loss == "mean_squared_error":
        return ((jax.nn.softmax(logits) - targets) ** 2).mean()
    log_probabilities = jax.nn.log_softmax(logits)
    per_class = -targets * log_probabilities
    if config.loss == "focal":
        per_class *= (1 - jnp.exp(log_probabilities)) ** FOCAL_GAMMA
    return per_class.sum(-1).mean()


def make_optimizer(config: OptimConfig) -> optax.GradientTransformationExtraArgs:
    """Chains clipping, the named rule, decoupled weight decay and the learning rate.

    Its `update` takes a step's `StepNumbers` by the name `numbers`; `config` says which of them are there.

    Weight decay is decoupled (Loshchilov & Hutter, ICLR 2019) and acts on kernels only: a decayed norm
    scale or bias changes what the norm does. Gradients are averaged over `accumulate` batches first.
    """
    # Of an update that is 0 until enough batches are averaged, a compiler takes a constant rate last, and a variable
    # one first; what it takes last it rounds together with the parameter. Written so, both keep their bits.
    rate_last = config.accumulate > 1 and is_constant(config)

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        numbers: StepNumbers = extra["numbers"]
        inner = numbers.replace(learning_rate=1.0) if rate_last else numbers
        updates, state = _optimizer_of(config, inner).update(updates, state, params)
        return jax.tree.map(lambda leaf: numbers.learning_rate * leaf, updates) if rate_last else updates, state

    return optax.GradientTransformationExtraArgs(_optimizer_of(config, StepNumbers()).init, update)


def _optimizer_of(config: OptimConfig, numbers: StepNumbers) -> optax.GradientTransformation:
    parts = [
        optax.clip_by_global_norm(numbers.clip_norm) if config.clip_norm else optax.identity(),
        _rule(config, numbers),
        optax.add_decayed_weights(numbers.weight_decay, mask=_is_kernel) if config.weight_decay else optax.identity(),
        optax.scale_by_learning_rate(lambda _: numbers.learning_rate),  # a schedule, whose state counts the updates
    ]
    optimizer = optax.chain(*parts)
    if config.accumulate > 1:
        return optax.MultiSteps(optimizer, config.accumulate).gradient_transformation()
    return optimizer


def _rule(config: OptimConfig, numbers: StepNumbers) -> optax.GradientTransformation:
    match config.name:
        case "sgd":
            return optax.trace(numbers.momentum) if config.momentum else optax.identity()
        case "adam" | "adamw":
            return optax.scale_by_adam()
        case "nadamw":
            return optax.scale_by_adam(nesterov=True)
        case "rmsprop":
            momentum = optax.trace(numbers.momentum) if config.momentum else optax.identity()
            return optax.chain(optax.scale_by_rms(), momentum)
        case "lion":
            return optax.scale_by_lion()
        case "adagrad":
            return optax.scale_by_rss()
    raise ValueError(f"unknown optimizer {config.name!r}")


def _is_kernel(params: optax.Params) -> optax.Params:
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)


def make_train_step(network: Network, optimizer: optax.GradientTransformation, config: OptimConfig) -> Step:
    """Returns the step as a pure function of (state, images, labels, dropout key, numbers), not yet compiled.

    The function returns the next state and the batch's mean loss. The dropout key is the stream's; the step
    folds its number in, so a draw depends on nothing but the seed and the step. Of `config`, numbers that are not 0
    count for their presence alone: their values are those of the step's `numbers`.
    """
    optimizer = optax.with_extra_args_support(optimizer)

    def train_step(
        state: TrainState, images: jax.Array, labels: jax.Array, dropout_key: jax.Array, numbers: StepNumbers
    ):
        images = spread_over_devices(images)

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
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params, numbers=numbers)
        params = optax.apply_updates(state.params, updates)
        variables = {"params": params, "batch_stats": batch_stats}
        frames = jnp.float32(len(labels))
        sums = {
            "loss": state.sums["loss"] + loss * frames,
            "correct": state.sums["correct"] + (logits.argmax(-1) == labels).sum(),
            "frames": state.sums["frames"] + frames,
        }
        average = None if state.average is None else _averaged(state.average, variables, state.step, numbers.ema_decay)
        return TrainState(state.step + 1, params, batch_stats, opt_state, average, sums), loss

    return train_step


def _averaged(average: Variables, variables: Variables, step: jax.Array, decay: jax.Array) -> Variables:
    """Updates the exponential moving average, with a decay that grows from .1 so that the start is forgotten.

    min(decay, (1 + t) / (10 + t)) is the rule of TensorFlow's ExponentialMovingAverage.
    """
    t = step.astype(jnp.float32)
    weight = jnp.minimum(decay, (1 + t) / (10 + t))
    return jax.tree.map(lambda old, new: weight * old + (1 - weight) * new, average, variables)


def scan_steps(step: Step) -> Steps:
    """Chains steps on batches of one size into one function: a `lax.scan` where there is more than one."""

    def steps(
        state: TrainState,
        images: Sequence[jax.Array],
        labels: Sequence[jax.Array],
        key: jax.Array,
        numbers: StepNumbers,
    ):
        def one(state: TrainState, batch: tuple[jax.Array, jax.Array, jax.Array | None]):
            images, labels, learning_rate = batch
            return step(state, images, labels, key, numbers.replace(learning_rate=learning_rate))

        rates = numbers.learning_rate
        if len(images) == 1:
            state, loss = one(state, (images[0], labels[0], None if rates is None else rates[0]))
            return state, loss[jnp.newaxis]
        return jax.lax.scan(one, state, (jnp.stack(images), jnp.stack(labels), rates))

    return steps


def make_batch_statistics(network: Network) -> Callable[[Variables, jax.Array], Any]:
    """Returns a pure function of (variables, images): the `batch_stats` of that batch alone."""
    # With momentum 0 the "running" statistics after a batch are the batch's own.
    memoryless = Network(dataclasses.replace(network.config, norm_momentum=0.0), network.classes)

    def batch_statistics(variables: Variables, images: jax.Array) -> Any:
        images = spread_over_devices(images)
        _, changed = memoryless.apply(variables, images, dropout=False, batch_statistics=True, mutable=["batch_stats"])
        return changed["batch_stats"]

    return batch_statistics


def make_noisy_statistics(network: Network) -> Callable[..., Any]:
    """Returns a pure function of (variables, images, key, dropout): the `batch_stats` of a batch as training has it."""
    memoryless = Network(dataclasses.replace(network.config, norm_momentum=0.0), network.classes)

    def batch_statistics(variables: Variables, images: jax.Array, key: jax.Array, *, dropout: bool) -> Any:
        images = spread_over_devices(images)
        _, changed = memoryless.apply(
            variables, images, dropout=dropout, batch_statistics=True, rngs={"dropout": key}, mutable=["batch_stats"]
        )
        return changed["batch_stats"]

    return batch_statistics


def pool_statistics(batches: Iterable[Any]) -> Any:
    """Pools the `batch_stats` of batches of one size into those of the whole sample ("precise BatchNorm").

    A running average lags behind the weights; statistics averaged over batches with the weights held still do not (Wu
    & Johnson 2021, "Rethinking 'Batch' in BatchNorm", arXiv 2105.07576, section 3). The variance is the mean square
    less the square of the mean, summed in float64.
    """
    mean, square, count = None, None, 0
    for statistics in prefetch(batches, BATCHES_AHEAD):
        host = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), jax.device_get(statistics))
        batch_mean = _map_norms(lambda norm: norm["mean"], host)
        batch_square = _map_norms(lambda norm: norm["var"] + norm["mean"] ** 2, host)
        mean = batch_mean if mean is None else jax.tree.map(np.add, mean, batch_mean)
        square = batch_square if square is None else jax.tree.map(np.add, square, batch_square)
        count += 1
    if mean is None:
        raise ValueError("no batches to estimate statistics from")

    def pool(total: np.ndarray, squares: np.ndarray) -> dict[str, np.ndarray]:
        average = total / count
        variance = np.maximum(squares / count - average**2, 0.0)
        return {"mean": average.astype(np.float32), "var": variance.astype(np.float32)}

    return jax.tree.map(pool, mean, square)


def _map_norms(function: Callable, tree: Any) -> Any:
    """Applies `function` to every innermost dictionary: one for each BatchNorm."""
    return jax.tree.map(function, tree, is_leaf=lambda node: isinstance(node, dict) and "mean" in node)


@dataclasses.dataclass(frozen=True)
class Program:
    """The network, its optimizer, and the compiled functions of a run.

    Attributes:
      train_steps: takes some steps in turn; it donates the state that it is given.
      predict: `make_predict`'s function.
      batch_statistics: `make_batch_statistics`'s function.
    """

    network: Network
    optimizer: optax.GradientTransformation
    train_steps: Any
    predict: Predict
    batch_statistics: Any


def make_program(model: ModelConfig, optim: OptimConfig, classes: int) -> Program:
    """Makes the program of a network with `classes` logits.

    Runs share one if they differ in nothing but the values of `StepNumbers`, the schedule and the length included.
    """
    return program_of(model, without_numbers(optim), classes)


@functools.lru_cache(maxsize=PROGRAMS_KEPT)
def program_of(model: ModelConfig, optim: OptimConfig, classes: int) -> Program:
    """Makes the program of `make_program`, of a configuration `without_numbers`; equal arguments share one."""
    network, optimizer = Network(model, classes), make_optimizer(optim)
    steps = scan_steps(make_train_step(network, optimizer, optim))
    return Program(
        network=network,
        optimizer=optimizer,
        train_steps=jax.jit(steps, donate_argnums=0),
        predict=jax.jit(make_predict(network)),
        batch_statistics=jax.jit(make_batch_statistics(network)),
    )
