"""Replicas trained side by side are the runs trained alone."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dogjax.config import ModelConfig, OptimConfig
from dogjax.models.network import Network
from dogjax.prng import Streams
from dogjax.train.loop import Replicas
from dogjax.train.state import create_state, state_sha256
from dogjax.train.step import make_train_step, scan_steps
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


def train_together(run, at_once=1):
    step, make = run
    states, images, labels, keys = zip(*map(make, range(COUNT)))
    replicas = Replicas(jax.jit(scan_steps(step)), COUNT)
    for first in range(0, STEPS, at_once):
        batches = ([list(each[first : first + at_once]) for each in arrays] for arrays in (images, labels))
        states, losses = replicas.steps(list(states), *batches, list(keys), [StepNumbers()] * COUNT)
    replicas.close()
    return states, losses


def test_replicas_have_the_bits_of_runs_trained_alone(run):
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
