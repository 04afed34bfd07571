"""The train step is pure, sharded without changing its meaning, and its parts do what their names say."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dogjax.config import ModelConfig, OptimConfig
from dogjax.errors import UserError
from dogjax.models.network import Network
from dogjax.prng import STREAMS, Streams
from dogjax.train.state import create_state, initial_variables, poke_parameter, state_sha256
from dogjax.train.step import (
    make_batch_statistics,
    make_optimizer,
    make_train_step,
    mean_loss,
    pool_statistics,
)
from dogjax.train.step_numbers import StepNumbers, step_numbers

SIDE = 16
SMALL = ModelConfig(widths=(8,), kernels=(3,), dense=(16,), dropout=0.3)
NETWORK = Network(SMALL, 3)
SGD = OptimConfig()


def batch(seed=0, size=8):
    generator = np.random.default_rng(seed)
    return generator.uniform(0, 255, (size, SIDE, SIDE, 3)).astype(np.float32), generator.integers(0, 3, size)


def start(optim=SGD, seeds=None, network=NETWORK, *, poke=False):
    optimizer = make_optimizer(optim)
    state = create_state(network, optimizer, SIDE, Streams(0, seeds), average=optim.ema_decay > 0, poke=poke)
    numbers = step_numbers(optim).replace(learning_rate=np.float32(optim.learning_rate))
    return functools.partial(jax.jit(make_train_step(network, optimizer, optim)), numbers=numbers), state


def run(optim=SGD, steps=3, seeds=None):
    step, state = start(optim, seeds)
    key = Streams(0, seeds).key("dropout")
    for number in range(steps):
        state, _ = step(state, *batch(number), key)
    return state


def test_a_network_begins_with_the_bits_of_an_optimised_initialisation():
    """The compiler is asked for no optimisations there, as that program runs once."""
    images = jnp.zeros((1, SIDE, SIDE, 3))
    optimised = jax.jit(lambda key: NETWORK.init(key, images, dropout=False, batch_statistics=False))
    ours, theirs = initial_variables(NETWORK, SIDE, jax.random.key(3)), optimised(jax.random.key(3))
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    assert all(np.array_equal(mine, other) for mine, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs)))


def test_two_runs_have_the_same_bits():
    assert state_sha256(run()) == state_sha256(run())


@pytest.mark.parametrize("name", STREAMS)
def test_only_init_and_dropout_reach_the_step(name):
    same = state_sha256(run(seeds={name: 1})) == state_sha256(run())
    assert same == (name not in ("init", "dropout"))


def test_init_changes_parameters_and_dropout_does_not():
    (_, first), (_, init), (_, dropout) = start(), start(seeds={"init": 1}), start(seeds={"dropout": 1})
    assert state_sha256(first) == state_sha256(dropout) != state_sha256(init)


def test_dropout_depends_on_the_step_and_not_on_a_carried_key():
    step, state = start()
    key = Streams(0).key("dropout")
    losses = [float(step(state.replace(step=jnp.int32(t)), *batch(), key)[1]) for t in (0, 1, 0)]
    assert losses[0] == losses[2] != losses[1]


def test_the_step_is_traced_once_for_each_batch_shape():
    traces = []

    def counted(*arguments):
        traces.append(arguments[1].shape)
        return make_train_step(NETWORK, optax.sgd(0.1), OptimConfig())(*arguments)

    step, state = jax.jit(counted), start()[1].replace(opt_state=optax.sgd(0.1).init(None))
    for number in range(4):
        state, _ = step(state, *batch(number), jax.random.key(number), StepNumbers())
    assert len(traces) == 1


def test_sums_count_every_frame_of_the_epoch():
    step, state = start(OptimConfig(learning_rate=0.0))
    losses = []
    for number, size in enumerate((8, 8, 2)):
        state, loss = step(state, *batch(number, size), jax.random.key(0))
        losses.append(float(loss) * size)
    assert float(state.sums["frames"]) == 18
    assert float(state.sums["loss"]) == pytest.approx(sum(losses), rel=1e-6)
    assert 0 <= float(state.sums["correct"]) <= 18


def test_poke_moves_one_parameter_by_one_unit_in_the_last_place():
    plain, poked = start()[1].params, start(poke=True)[1].params
    pairs = list(zip(jax.tree.leaves(plain), jax.tree.leaves(poked), strict=True))
    moved = [(a, b) for x, y in pairs for a, b in zip(np.ravel(x), np.ravel(y)) if a != b]
    assert len(moved) == 1
    assert moved[0][1] == np.nextafter(moved[0][0], np.float32(np.inf))
    other = poke_parameter(plain, Streams(0, {"poke": 1}).numpy("poke"))
    assert state_sha256(other) != state_sha256(poked)


class Drawn:
    """A generator that draws the given places."""

    def __init__(self, *places):
        self._places = iter(places)

    def integers(self, _):
        return next(self._places)


def test_poke_moves_no_parameter_that_is_0():
    params = {"a": jnp.zeros(3), "b": jnp.array([0.0, 2.0, 0.0])}
    poked = poke_parameter(params, Drawn(0, 2, 5, 4))
    assert not np.any(poked["a"])
    assert np.array_equal(poked["b"], [0, np.nextafter(np.float32(2), np.float32(3)), 0])


def test_poke_of_a_network_of_zeros_is_refused():
    with pytest.raises(UserError, match=r"seeds\.poke: every parameter starts at 0.*another model\.initializer"):
        start(network=Network(dataclasses.replace(SMALL, initializer="zeros", norm="none"), 3), poke=True)


def test_poke_of_a_network_in_bfloat16_survives_its_rounding():
    network = Network(dataclasses.replace(SMALL, dtype="bfloat16"), 3)
    plain, poked = (start(network=network, poke=poke)[1].params for poke in (False, True))
    rounded = [[np.asarray(leaf, jnp.bfloat16) for leaf in jax.tree.leaves(params)] for params in (plain, poked)]
    assert sum(np.count_nonzero(a != b) for a, b in zip(*rounded, strict=True)) == 1


def test_average_lags_behind_the_weights_and_then_decays():
    step, state = start(OptimConfig(ema_decay=0.9, learning_rate=0.1))
    expected = np.asarray(state.params["Dense_1"]["kernel"], np.float64)
    for t in range(3):
        state, _ = step(state, *batch(t), jax.random.key(0))
        weight = min(0.9, (1 + t) / (10 + t))
        expected = weight * expected + (1 - weight) * np.asarray(state.params["Dense_1"]["kernel"])
    np.testing.assert_allclose(state.average["params"]["Dense_1"]["kernel"], expected, atol=1e-6)
    assert state.evaluated is state.average


def test_accumulated_gradients_equal_one_large_batch():
    network = Network(ModelConfig(widths=(8,), kernels=(3,), dense=(16,), dropout=0.0, norm="none"), 3)
    images, labels = batch(size=16)
    images /= 255
    states = []
    for accumulate, parts in ((1, [slice(0, 16)]), (2, [slice(0, 8), slice(8, 16)])):
        step, state = start(OptimConfig(learning_rate=0.1, accumulate=accumulate), network=network)
        for part in parts:
            state, _ = step(state, images[part], labels[part], jax.random.key(0))
        states.append(state)
    for ours, theirs in zip(*(jax.tree.leaves(state.params) for state in states)):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "nadamw", "rmsprop", "lion", "adagrad"])
def test_every_optimizer_lowers_the_loss(name):
    rate = {"sgd": 0.05, "adagrad": 0.05}.get(name, 0.003)
    step, state = start(OptimConfig(name=name, learning_rate=rate))
    losses = []
    for _ in range(40):
        state, loss = step(state, *batch(), jax.random.key(0))
        losses.append(float(loss))
    assert losses[-1] < losses[0] / 2


def test_weight_decay_spares_biases_and_norms():
    _, state = start()
    decayed = make_optimizer(OptimConfig(weight_decay=0.5))
    zero = jax.tree.map(jnp.zeros_like, state.params)
    numbers = StepNumbers(learning_rate=1.0, weight_decay=0.5)
    updates, _ = decayed.update(zero, decayed.init(state.params), state.params, numbers=numbers)
    for update, param in zip(jax.tree.leaves(updates), jax.tree.leaves(state.params)):
        np.testing.assert_allclose(update, -0.5 * param if param.ndim > 1 else 0 * param, atol=1e-7)


def test_clipping_bounds_the_gradient_s_norm():
    optimizer = make_optimizer(OptimConfig(clip_norm=0.5))
    gradient = {"kernel": jnp.full((3, 3), 10.0)}
    numbers = StepNumbers(learning_rate=1.0, clip_norm=0.5)
    updates, _ = optimizer.update(gradient, optimizer.init(gradient), gradient, numbers=numbers)
    assert float(optax.tree.norm(updates)) == pytest.approx(0.5, rel=1e-6)


def test_losses_have_their_hand_computed_values():
    logits, labels = jnp.log(jnp.array([[0.7, 0.2, 0.1]])), jnp.array([0])
    assert float(mean_loss(logits, labels, OptimConfig())) == pytest.approx(-np.log(0.7), rel=1e-5)
    focal = float(mean_loss(logits, labels, OptimConfig(loss="focal")))
    assert focal == pytest.approx(-(0.3**2) * np.log(0.7), rel=1e-5)
    smooth = float(mean_loss(logits, labels, OptimConfig(label_smoothing=0.3)))
    assert smooth == pytest.approx(-(0.8 * np.log(0.7) + 0.1 * np.log(0.2) + 0.1 * np.log(0.1)), rel=1e-5)


def test_the_mean_squared_error_is_between_softmax_and_smoothed_target():
    logits, labels = jnp.log(jnp.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1]])), jnp.array([0, 1])
    squares = mean_loss(logits, labels, OptimConfig(loss="mean_squared_error"))
    by_hand = ((0.3**2 + 0.2**2 + 0.1**2) + (0.6**2 + 0.7**2 + 0.1**2)) / 3 / 2
    assert float(squares) == pytest.approx(by_hand, rel=1e-5)
    smooth = mean_loss(logits, labels, OptimConfig(loss="mean_squared_error", label_smoothing=0.3))
    by_hand = ((0.1**2 + 0.1**2 + 0.0**2) + (0.5**2 + 0.5**2 + 0.0**2)) / 3 / 2
    assert float(smooth) == pytest.approx(by_hand, rel=1e-5)


def test_pooled_statistics_are_those_of_all_frames_at_once():
    statistics = jax.jit(make_batch_statistics(NETWORK))
    variables = start()[1].variables
    images, _ = batch(size=24)
    pooled = pool_statistics(statistics(variables, images[i : i + 8]) for i in (0, 8, 16))
    at_once = statistics(variables, images)
    # Only the first norm's input does not depend on the batch; the deeper ones differ by design.
    for name in ("mean", "var"):
        np.testing.assert_allclose(pooled["BatchNorm_0"][name], at_once["BatchNorm_0"][name], rtol=1e-4)
    assert jax.tree.structure(pooled) == jax.tree.structure(variables["batch_stats"])
