"""What is called a fix, and which network is large enough."""

import types

import numpy as np
import pytest

from dogjax.config import StudyConfig
from dogjax.eval.predictions import Predictions
from dogjax.study.analysis import against_floor, count_one_class, is_fixed, smallest_enough, sobol_shares


def comparison(ratio, high, accuracy_low):
    volatility = {"ratio": {"ratio": ratio, "interval": [ratio / 2, high]}}
    return {"accuracy": {"interval": [accuracy_low, 0.1]}, "volatility": volatility, "one_class": 0}


@pytest.mark.parametrize(
    ("ratio", "high", "accuracy_low", "fixed"),
    [
        (0.4, 0.9, -0.005, True),
        (0.6, 0.9, -0.005, False),  # not half
        (0.4, 1.1, -0.005, False),  # may be none
        (0.4, 0.9, -0.02, False),  # may cost accuracy
    ],
)
def test_a_fix_halves_the_volatility_at_no_cost(ratio, high, accuracy_low, fixed):
    assert is_fixed(comparison(ratio, high, accuracy_low)) is fixed


def test_whether_an_arm_is_a_fix_is_not_known_of_too_few_pairs():
    assert is_fixed({"accuracy": None, "volatility": None, "one_class": 0}) is None
    assert is_fixed({"accuracy": {"interval": [0, 0]}, "volatility": {"ratio": None}, "one_class": 0}) is None


def test_a_curve_that_is_calm_because_one_class_is_predicted_is_not_fixed():
    labels = np.repeat([0, 1], [80, 20])

    def run(taken, finished=True):
        found = Predictions(np.arange(100).astype(str), labels, np.eye(3, dtype=np.float32)[taken])
        return types.SimpleNamespace(finished=finished, predictions=lambda epoch: found)

    always, right = run(np.zeros(100, int)), run(labels)
    # Of 20 frames of the other label, 19 and 18 are taken for the first, too: beyond .9, and not.
    nearly, mostly = run(np.where(np.arange(100) < 99, 0, 1)), run(np.where(np.arange(100) < 98, 0, 1))
    assert count_one_class([always, right, nearly, mostly, run(labels, finished=False)], 4) == 2
    assert is_fixed(comparison(0.4, 0.9, -0.005) | {"one_class": 1}) is False
    assert is_fixed({"accuracy": None, "volatility": None, "one_class": 1}) is False


def outcomes(parameters, *losses):
    return [
        types.SimpleNamespace(finished=True, parameters=parameters, loss=lambda epoch, loss=loss: loss)
        for loss in losses
    ]


def runs(*accuracies):
    run = types.SimpleNamespace(base=0)
    return [
        types.SimpleNamespace(finished=True, run=run, accuracy=lambda _, a=a: a, loss=lambda _: 1.0) for a in accuracies
    ]


def test_an_arm_that_is_tied_has_no_part_in_the_adjustment_of_the_others():
    arms = {"poke": runs(0.1, 0.1, 0.3, 0.3), "tied": runs(0.7, 0.7, 0.8, 0.8), "free": runs(0.1, 0.9, 0.2, 0.4)}
    table = against_floor(arms, "poke", ("tied", "free"), 1)
    tied, free = (table[name]["accuracy"] for name in ("tied", "free"))
    assert (tied["p"], tied["holm_p"], tied["significant"]) == (None, None, None)
    assert 0 < free["p"] == free["holm_p"]
    empty = table["free"]["loss"]
    assert (empty["ratio"], empty["holm_p"], empty["significant"]) == (None, None, None)
    assert empty["note"] == "the floor is empty: its runs are equal"


def test_shares_of_the_variance_are_not_set_against_an_empty_floor():
    study = StudyConfig(kind="sobol", streams=("init", "order"), replicates=2)
    rows = runs(*np.random.default_rng(1).normal(size=8))
    found = sobol_shares(rows, runs(0.5, 0.5), study, 1, np.random.default_rng(2))["accuracy"]
    assert found["floor_variance"] == 0
    assert all(share["total_less_floor"] is None for share in found["streams"].values())


def test_the_smallest_network_within_one_standard_error_is_enough():
    arms = {"tiny": outcomes(10, 0.9, 0.9), "small": outcomes(100, 0.58, 0.6), "large": outcomes(1000, 0.5, 0.6)}
    found = smallest_enough(arms, 1)
    assert (found["best"], found["smallest"]) == ("large", "small")
    assert found["limit"] == pytest.approx(0.55 + 0.05)
    arms["small"] = outcomes(100, 0.62, 0.6)
    assert smallest_enough(arms, 1)["smallest"] == "large"


def test_networks_of_one_size_have_no_smallest():
    assert smallest_enough({"a": outcomes(10, 0.5, 0.6), "b": outcomes(10, 0.7, 0.8)}, 1) is None
