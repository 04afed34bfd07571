"""How long a step is, in a real run: shorter steps could be longer, and nothing is changed by looking."""

import json

import jax
import numpy as np
import pytest

from dogjax.config import replace_fields
from dogjax.diagnose.step_length import MULTIPLES, measure_step_length
from dogjax.train.experiment import build_experiment


def measured(setup, **fields):
    experiment = build_experiment(replace_fields(setup.config(), fields))
    network = experiment.initial_state().variables
    before = jax.tree.map(np.array, network)
    found = measure_step_length(experiment, network, 0)
    jax.tree.map(np.testing.assert_array_equal, network, before)
    return found


def test_a_short_step_could_be_longer_and_a_long_one_overshoots(setup):
    short, long = (measured(setup, **{"optim.learning_rate": rate}) for rate in (1e-5, 100.0))
    assert short["best_multiple"] == max(MULTIPLES)
    assert long["best_multiple"] < 1
    assert short["losses"]["0.0"] == long["losses"]["0.0"] == 1


def test_momentum_makes_a_step_as_much_longer(setup):
    with_momentum = measured(setup, **{"optim.learning_rate": 0.001, "optim.momentum": 0.9})
    without = measured(setup, **{"optim.learning_rate": 0.01})
    assert with_momentum["losses"] == pytest.approx(without["losses"], rel=1e-5)


def test_a_clipped_step_is_measured_as_it_is_taken(setup):
    clipped, short = (
        measured(setup, **fields)
        for fields in ({"optim.learning_rate": 30.0, "optim.clip_norm": 1e-4}, {"optim.learning_rate": 1e-5})
    )
    assert clipped["best_multiple"] == short["best_multiple"] == max(MULTIPLES)


def test_a_step_that_is_no_multiple_of_the_gradient_is_not_measured(setup):
    found = measured(setup, **{"optim.name": "adam"})
    assert found["best_multiple"] is None and "adam" in found["note"]


@pytest.mark.parametrize(("loss", "note"), [(0.0, "is exactly 0 before the step"), (np.inf, "is not finite")])
def test_a_batch_that_is_known_by_heart_has_no_step_length_and_the_diagnosis_goes_on(setup, monkeypatch, loss, note):
    losses = np.full(len(MULTIPLES), loss, np.float32)
    monkeypatch.setattr("dogjax.diagnose.step_length._losses_along_step", lambda *_: lambda *_: losses)
    found = measured(setup)
    assert found["best_multiple"] is None and found["losses"] is None and note in found["note"]
    json.dumps(found, allow_nan=False)  # as diagnosis.json is written
