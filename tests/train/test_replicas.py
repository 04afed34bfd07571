"""Replicas trained side by side are the runs trained alone."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats

from dogjax.config import ModelConfig, OptimConfig
from dogjax.models.network import Network
from dogjax.prng import Streams
from dogjax.train.loop import Replicas
from dogjax.train.state import create_state, state_sha256
from dogjax.train.step import make_train_step, scan_steps, vmap_replicas
from dogjax.train.step_numbers import StepNumbers

SIDE, COUNT, STEPS = 16, 3, 4


@pytest.fixture(scope="module")
def run():
    """A step, and what makes a replica's state, batches and key."""
    config = ModelConfig(widths=(4, 6), kernels=(3, 3), dense=(8,), dropout=0.2)
    network, optimizer = Network(config, 3), optax.sgd(0.01)

    def make(seed):
        state = create_state(network, optimizer, SIDE, Streams(seed), average=False, poke=False)
        generator = np.random.default_rng(seed)
        images = jnp.asarray(generator.random((STEPS, 8, SIDE, SIDE, 3)), jnp.float32)
        labels = jnp.asarray(generator.integers(0, 3, (STEPS, 8)), jnp.int32)
        return state, images, labels, Streams(seed).key("dropout")

    return make_train_step(network, optimizer, OptimConfig()), make


def train_alone(run, seed):
    step, make = run
    state, images, labels, key = make(seed)
    compiled = jax.jit(step)
    for number in range(STEPS):
        state, loss = compiled(state, images[number], labels[number], key, StepNumbers())
    return state, loss


def train_together(run, at_once=1, **options):
    step, make = run
    states, images, labels, keys = zip(*map(make, range(COUNT)))
    replicas = Replicas(jax.jit(scan_steps(step)), jax.jit(vmap_replicas(scan_steps(step))), COUNT, **options)
    for first in range(0, STEPS, at_once):
        batches = ([list(each[first : first + at_once]) for each in arrays] for arrays in (images, labels))
        states, losses = replicas.steps(list(states), *batches, list(keys), [StepNumbers()] * COUNT)
    replicas.close()
    return states, losses


def test_replicas_on_a_cpu_have_the_bits_of_runs_trained_alone(run):
    states, _ = train_together(run)
    digests = [state_sha256(state) for state in states]
    assert digests == [state_sha256(train_alone(run, seed)[0]) for seed in range(COUNT)]
    assert len(set(digests)) == COUNT


def test_steps_sent_at_once_have_the_bits_of_steps_sent_one_by_one(run):
    states, losses = train_together(run, at_once=2)
    assert [state_sha256(state) for state in states] == [
        state_sha256(train_alone(run, seed)[0]) for seed in range(COUNT)
    ]
    assert [float(each[-1]) for each in losses] == [float(train_alone(run, seed)[1]) for seed in range(COUNT)]


@pytest.mark.parametrize("at_once", [1, 2])
def test_vmapped_replicas_are_the_runs_up_to_rounding(run, at_once):
    states, losses = train_together(run, at_once, vmapped=True)
    for seed in range(COUNT):
        alone, loss = train_alone(run, seed)
        assert float(losses[seed][-1]) == pytest.approx(float(loss), rel=1e-4)
        for mine, other in zip(jax.tree.leaves(states[seed].params), jax.tree.leaves(alone.params), strict=True):
            # Sums of some hundred products, rounded in another order, over four steps.
            np.testing.assert_allclose(mine, other, rtol=0, atol=1e-4)


def test_vmapped_replicas_and_runs_alone_agree_in_distribution():
    """Where training is chaotic their bits differ, and so do single runs; the runs as a whole must not.

    Sixteen seeds each way, at a rate so high that the loss does not settle. The means of the final losses are compared
    by a paired t test, the spreads by an F test: at a level of .001 each, one honest build in five hundred fails.
    """
    config = ModelConfig(widths=(4, 6), kernels=(3, 3), dense=(8,), dropout=0.2)
    network, optimizer, count, steps = Network(config, 3), optax.sgd(0.3), 16, 60
    step = make_train_step(network, optimizer, OptimConfig())
    generator = np.random.default_rng(0)
    images = jnp.asarray(generator.random((8, 8, SIDE, SIDE, 3)), jnp.float32)
    labels = jnp.asarray(generator.integers(0, 3, (8, 8)), jnp.int32)

    def losses(**options):
        keys = [Streams(seed).key("dropout") for seed in range(count)]
        states = [create_state(network, optimizer, SIDE, Streams(s), average=False, poke=False) for s in range(count)]
        replicas = Replicas(jax.jit(scan_steps(step)), jax.jit(vmap_replicas(scan_steps(step))), count, **options)
        late = []
        for number in range(steps):
            batch = [[images[number % 8]]] * count, [[labels[number % 8]]] * count
            states, each = replicas.steps(states, *batch, keys, [StepNumbers()] * count)
            late = [*late[-15:], [float(loss[-1]) for loss in each]]
        replicas.close()
        return np.log(np.mean(late, axis=0))

    together, alone = losses(vmapped=True), losses(vmapped=False)
    assert stats.ttest_rel(together, alone).pvalue > 0.001 or np.allclose(together, alone, rtol=1e-3)
    ratio = np.var(together, ddof=1) / np.var(alone, ddof=1)
    assert stats.f.ppf(0.0005, count - 1, count - 1) < ratio < stats.f.ppf(0.9995, count - 1, count - 1)
