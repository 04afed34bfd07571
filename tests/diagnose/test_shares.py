"""Shapley shares: they add up, and belong to whoever does the work."""

import itertools
import math

import numpy as np
import pytest

from dogjax.diagnose.counterfactual import Counterfactuals, subsets
from dogjax.diagnose.drops import drops_with_intervals
from dogjax.diagnose.shares import shapley_values, shares_of_volatility, shares_with_intervals
from dogjax.diagnose.temperature import fit_temperature, halves, scale_out_of_fold
from dogjax.eval.intervals import Groups
from dogjax.eval.metrics import score_frames

SWITCHES = ("a", "b", "c")


def generator():
    return np.random.default_rng(7)


def test_shapley_values_are_means_over_all_orders():
    rng = generator()
    value = {on: float(rng.normal()) for on in subsets(SWITCHES)}
    by_hand = dict.fromkeys(SWITCHES, 0.0)
    for order in itertools.permutations(SWITCHES):
        for place, switch in enumerate(order):
            before = frozenset(order[:place])
            by_hand[switch] += (value[before | {switch}] - value[before]) / math.factorial(3)
    assert shapley_values(SWITCHES, value) == pytest.approx(by_hand)


def test_the_shares_and_what_is_unexplained_are_the_whole():
    rng = generator()
    curves = {on: np.exp(rng.normal(0, 1 / (1 + len(on)), 30)) for on in subsets(SWITCHES)}
    shares = shares_of_volatility(SWITCHES, curves)
    assert sum(shares.values()) == pytest.approx(1)


def test_a_switch_that_changes_nothing_has_no_share():
    noise = generator().normal(0, 0.5, 30)
    curves = {on: np.exp(0.2 * noise if "a" in on else noise) for on in subsets(SWITCHES)}
    shares = shares_of_volatility(SWITCHES, curves)
    assert shares == pytest.approx({"a": 0.8, "b": 0, "c": 0, "unexplained": 0.2})


def test_switches_that_do_nothing_leave_all_of_it_unexplained():
    curves = dict.fromkeys(subsets(SWITCHES), np.exp(generator().normal(size=20)))
    assert shares_of_volatility(SWITCHES, curves) == pytest.approx({"a": 0, "b": 0, "c": 0, "unexplained": 1})


def test_a_curve_without_volatility_has_no_shares():
    assert shares_of_volatility(("a",), {frozenset(): np.ones(9), frozenset({"a"}): np.ones(9)}) is None


def test_an_interval_holds_the_share_of_a_switch_that_works_on_every_recording():
    rng = generator()
    noise = rng.normal(0, 0.5, (20, 1)) + rng.normal(0, 0.1, (20, 24))
    losses = {on: np.exp(0.3 * noise if "a" in on else noise) for on in subsets(("a", "b"))}
    groups = Groups("recording", np.repeat(np.arange(12), 2), np.repeat(np.arange(3), 4), ())
    found = Counterfactuals(list(range(1, 21)), ("a", "b"), {}, losses, np.ones(20), {})
    table = shares_with_intervals(found, groups, rng)
    low, high = table["a"]["interval"]
    assert low < 0.7 < high and high - low < 0.1
    assert table["b"] == {"share": pytest.approx(0), "interval": pytest.approx([0, 0])}


class Plain(Groups):
    """Groups whose intervals are plain percentiles."""

    tail = 0.025


def test_intervals_are_wider_where_groups_are_few():
    rng = generator()
    noise = rng.normal(0, 0.5, (20, 1)) * rng.uniform(0.5, 1.5, (1, 12))
    losses = {on: np.exp(noise * (rng.uniform(0.2, 0.9, 12) if on else 1)) for on in subsets(("a",))}
    found = Counterfactuals(list(range(1, 21)), ("a",), {}, losses, np.ones(20), {})
    parts = ("recording", np.arange(12), np.repeat(np.arange(3), 4), ())
    for measure in (shares_with_intervals, drops_with_intervals):
        few, plain = (
            measure(found, groups, generator())["a"]["interval"] for groups in (Groups(*parts), Plain(*parts))
        )
        assert few[0] < plain[0] and plain[1] < few[1]


def test_too_few_groups_give_shares_without_an_interval():
    noise = np.repeat(generator().normal(0, 0.5, (20, 1)), 6, axis=1)
    losses = {on: np.exp(noise * (0.3 if on else 1)) for on in subsets(("a",))}
    found = Counterfactuals(list(range(1, 21)), ("a",), {}, losses, np.ones(20), {})
    one_of_each_dog = Groups("block", np.repeat(np.arange(3), 2), np.arange(3), ())
    table = shares_with_intervals(found, one_of_each_dog, generator())
    assert table["a"] == {"share": pytest.approx(0.7), "interval": None} and table["unexplained"]["interval"] is None
    assert drops_with_intervals(found, one_of_each_dog, generator())["a"]["interval"] is None


def test_the_fitted_temperature_is_that_of_the_logits():
    rng = generator()
    logits = rng.normal(0, 3, (20_000, 3))
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)  # drawn from softmax(logits)
    assert fit_temperature(logits, labels) == pytest.approx(1.0, rel=0.07)
    assert fit_temperature(5 * logits, labels) == pytest.approx(5.0, rel=0.07)


def test_a_temperature_is_fitted_on_the_other_half_alone():
    """Where one half is right and the other wrong, a temperature fitted on itself would help; this one cannot."""
    groups = Groups("recording", np.repeat([0, 1], 50), np.array([0, 0]), ())
    logits = np.tile([4.0, 0.0], (100, 1))
    labels = np.repeat([0, 1], 50)
    scaled, _ = scale_out_of_fold(logits, labels, groups)
    assert score_frames(scaled, labels).loss > score_frames(logits, labels).loss


def test_every_dog_has_recordings_in_both_halves():
    strata = np.array([0, 0, 1, 1, 1, 2, 2])
    half = halves(Groups("recording", np.arange(7), strata, ()))
    assert all(set(half[strata == label]) == {0, 1} for label in range(3))
