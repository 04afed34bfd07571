"""Runs that differ in a step's numbers share one compiled program, and have the bits of programs of their own."""

import jax
import numpy as np
import pytest

from dogjax.config import ModelConfig, OptimConfig
from dogjax.prng import Streams
from dogjax.train.state import create_state, state_sha256
from dogjax.train.step import make_program, program_of
from dogjax.train.step_numbers import learning_rates, make_schedule, step_numbers, without_numbers

SIDE, STEPS_PER_EPOCH, EPOCHS = 16, 3, 2
MODEL = ModelConfig(widths=(4,), kernels=(3,), dense=(8,))
# Pairs that differ in numbers alone.
PAIRS = {
    "rate": ({"learning_rate": 0.01}, {"learning_rate": 0.02}),
    "schedule": ({"learning_rate": 0.02}, {"schedule": "cosine", "warmup_epochs": 0.7}),
    "decays": (
        {"name": "adamw", "weight_decay": 0.1, "ema_decay": 0.9},
        {"name": "adamw", "weight_decay": 0.02, "ema_decay": 0.99, "schedule": "linear"},
    ),
    "limits": ({"momentum": 0.9, "clip_norm": 1.0}, {"momentum": 0.5, "clip_norm": 0.1}),
    "accumulated": ({"accumulate": 2, "learning_rate": 0.01}, {"accumulate": 2, "learning_rate": 0.02}),
}


def train(program, optim, epochs=EPOCHS):
    """The hash of the state after all steps."""
    state = create_state(program.network, program.optimizer, SIDE, Streams(0), average=optim.ema_decay > 0, poke=False)
    numbers, rates = step_numbers(optim), learning_rates(optim, STEPS_PER_EPOCH, epochs)
    generator, key = np.random.default_rng(0), jax.random.key(0)
    for step in range(len(rates)):
        images = generator.uniform(0, 255, (8, SIDE, SIDE, 3)).astype(np.float32)
        labels = generator.integers(0, 3, 8).astype(np.int32)
        numbers = numbers.replace(learning_rate=rates[step : step + 1])
        state, _ = program.train_steps(state, [images], [labels], jax.random.clone(key), numbers)
    return state_sha256(state)


@pytest.mark.parametrize("pair", PAIRS)
def test_runs_that_differ_in_numbers_share_a_program_and_have_the_bits_of_their_own(pair):
    optims = [OptimConfig(**fields) for fields in PAIRS[pair]]
    program_of.cache_clear()
    shared = make_program(MODEL, optims[0], 3)
    assert make_program(MODEL, optims[1], 3) is shared
    together = [train(shared, optim) for optim in optims]
    assert shared.train_steps._cache_size() == 1
    assert together[0] != together[1]
    for optim, digest in zip(optims, together):
        program_of.cache_clear()
        alone = make_program(MODEL, optim, 3)
        assert alone is not shared
        assert train(alone, optim) == digest


def test_a_longer_run_takes_the_program_of_a_shorter_one():
    optim = OptimConfig(schedule="cosine")
    program_of.cache_clear()
    program = make_program(MODEL, optim, 3)
    assert train(program, optim, epochs=1) != train(program, optim, epochs=2)
    assert program.train_steps._cache_size() == 1


@pytest.mark.parametrize(
    "fields",
    [
        *({name: 0.5} for name in ("momentum", "weight_decay", "clip_norm", "ema_decay", "label_smoothing")),
        *({"name": "adam"}, {"accumulate": 2}, {"loss": "focal"}),
    ],
)
def test_what_is_not_a_number_or_was_not_there_makes_another_program(fields):
    assert without_numbers(OptimConfig(**fields)) != without_numbers(OptimConfig())


def test_schedules_warm_up_and_end_at_zero():
    for name, middle in (("cosine", 0.5), ("linear", 0.5), ("constant", 1.0)):
        rates = learning_rates(OptimConfig(learning_rate=1.0, schedule=name, warmup_epochs=2), 10, 12)
        assert rates.dtype == np.float32
        assert [rates[0], rates[10], rates[20]] == pytest.approx([0.0, 0.5, 1.0])
        assert rates[70] == pytest.approx(middle, abs=1e-6)
        assert rates[119] == pytest.approx(1.0 if name == "constant" else 0.0, abs=0.011)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "linear"])
@pytest.mark.parametrize("warmup_epochs", [0.0, 0.01, 0.7])  # of 7 steps: none, rounded to none, five
def test_rates_have_the_bits_of_a_schedule_that_is_compiled_into_the_step(schedule, warmup_epochs):
    optim = OptimConfig(learning_rate=0.017, schedule=schedule, warmup_epochs=warmup_epochs)
    compiled = jax.jit(lambda step, gradient: make_schedule(optim, 7, 5)(step) * gradient)
    wanted = np.array([compiled(np.int32(step), np.float32(1)) for step in range(35)])
    assert np.array_equal(learning_rates(optim, 7, 5), wanted)


def test_batches_of_one_update_share_its_rate():
    rates = learning_rates(OptimConfig(schedule="linear", accumulate=3), 6, 2)
    assert np.array_equal(rates, np.repeat(rates[::3], 3))
    assert len(set(rates)) == 4
