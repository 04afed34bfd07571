"""The programs of a run, lowered for a GPU and a TPU without one: nothing in them has bits that can differ.

XLA's order of a scatter, and of a pooling's gradient (select-and-scatter), is free on a GPU; a sort's is where entries
tie. No program may compute in float64, or ask the host.
"""

import re

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from dogjax import runtime
from dogjax.config import AugmentConfig, ModelConfig, OptimConfig
from dogjax.data import resident
from dogjax.data.augment import changes_of
from dogjax.data.transforms import Transforms
from dogjax.devices import Devices
from dogjax.prng import Streams
from dogjax.train.state import create_state
from dogjax.train.step import make_program, program_of
from dogjax.train.step_numbers import step_numbers

# By what is wrong, how the module tells: operations by their names, types within those of tensors.
FORBIDDEN = {
    "select_and_scatter": r"stablehlo\.select_and_scatter\b",
    "scatter": r"stablehlo\.scatter\b",
    "sort": r"(stablehlo|chlo)\.(sort|top_k)\b",
    "float64": r"f64\b",
    "host": r"callback|infeed|outfeed",
}
SIDE, BATCH, CLASSES, STEPS = 32, 8, 3, 2
MODELS = {
    "batch": ModelConfig(widths=(4, 6), kernels=(5, 3), dense=(8,), dropout=0.3),
    "group": ModelConfig(widths=(4, 6), kernels=(5, 3), dense=(8,), dropout=0.3, norm="group", head="average"),
    "bfloat16": ModelConfig(widths=(4, 6), kernels=(5, 3), dense=(8,), dropout=0.3, dtype="bfloat16"),
}


@pytest.fixture(autouse=True)
def _accelerator(monkeypatch):
    """The networks are traced as an accelerator's; no program of a CPU's is used, or left behind."""
    monkeypatch.setattr(runtime, "on_accelerator", lambda: True)
    program_of.cache_clear()
    yield
    program_of.cache_clear()


def forbidden_in(function, platform, *arguments):
    """What is forbidden and in the module that `function` lowers to."""
    module = jax.jit(function).trace(*arguments).lower(lowering_platforms=(platform,)).as_text()
    return [what for what, told in FORBIDDEN.items() if re.search(told, module)]


def functions(model, optim):
    """Every compiled function of a run, with arguments of the shapes that it takes."""
    program = make_program(model, optim, CLASSES)
    state = create_state(program.network, program.optimizer, SIDE, Streams(0), average=optim.ema_decay > 0, poke=False)
    images, labels = jnp.zeros((BATCH, SIDE, SIDE, 3)), jnp.zeros(BATCH, jnp.int32)
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    numbers = step_numbers(optim).replace(learning_rate=jnp.ones(STEPS))
    steps = (state, [images] * STEPS, [labels] * STEPS, jax.random.key(0), numbers)
    yield "train_steps", program.train_steps, steps
    yield "predict", program.predict, (state.params, [state.batch_stats] * 2, images)
    if model.norm == "batch":
        yield "batch_statistics", program.batch_statistics, (variables, images)


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
@pytest.mark.parametrize("model", MODELS)
def test_no_program_of_a_run_has_bits_that_can_differ(platform, model):
    optim = OptimConfig(name="adamw", weight_decay=0.1, clip_norm=1.0, ema_decay=0.9, loss="focal")
    found = {name: forbidden_in(each, platform, *given) for name, each, given in functions(MODELS[model], optim)}
    assert not any(found.values()), found


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_no_program_that_makes_a_batch_has_bits_that_can_differ(platform):
    options = {"zoom": 0.3, "rotation": 40.0, "brightness": (0.4, 1.7), "channel_shift": 60.0, "fill": "reflect"}
    augment, frames = AugmentConfig(**options), jnp.zeros((BATCH, SIDE, SIDE, 3), jnp.uint8)
    transforms = Transforms(*jnp.ones((len(Transforms._fields), BATCH)))
    scaling, number = (jnp.ones((1, 1, 1, 3)),) * 2, jnp.zeros(BATCH, jnp.int32)

    def changes(transforms):
        return changes_of(transforms, SIDE, augment)

    def load(*arguments):
        return resident._load(*arguments, config=augment, sharding=Devices().spread(BATCH))

    assert not forbidden_in(changes, platform, transforms)
    assert not forbidden_in(load, platform, frames, number, changes(transforms), *scaling)


@pytest.mark.parametrize(
    ("function", "what", "platform"),
    [
        (
            jax.grad(lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (3,), (2,), "VALID").sum()),
            "select_and_scatter",
            "cuda",
        ),
        (lambda x: x.at[x.astype(int)].add(1.0), "scatter", "cuda"),
        (jnp.sort, "sort", "cuda"),
        (lambda x: lax.top_k(x, 2), "sort", "cuda"),
        (lambda x: x.astype(jnp.float64), "float64", "cuda"),
        (lambda x: jax.pure_callback(lambda y: y, x, x), "host", "cpu"),  # JAX lowers it for no other platform here
    ],
)
def test_what_is_forbidden_would_be_found(function, what, platform):
    with jax.enable_x64(True):
        assert what in forbidden_in(function, platform, jnp.zeros(9, jnp.float32))
