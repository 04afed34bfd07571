"""What a switch takes away: alone, last and as a share; intervals hold the truth as often as they say."""

import itertools
import math

import numpy as np
import pytest

from dogjax.diagnose.attribution import attribute, shapley_values, subsets
from dogjax.diagnose.temperature import fit_temperature, halves
from dogjax.eval.intervals import Groups

SWITCHES = ("a", "b", "c")
NOTHING = frozenset()


def generator(seed=7):
    return np.random.default_rng(seed)


def groups(count, frames=2):
    """Recordings of three classes, or of two where they are few, with as many frames each."""
    return Groups("recording", np.repeat(np.arange(count), frames), np.arange(count) % (2 if count < 9 else 3), ())


def found(losses, given, needs=None, seed=7):
    switches = sorted(set().union(*losses))
    return attribute(switches, losses, needs or {}, given, generator(seed))


def test_shapley_values_are_means_over_all_orders():
    rng = generator()
    value = {on: float(rng.normal()) for on in subsets(SWITCHES)}
    by_hand = dict.fromkeys(SWITCHES, 0.0)
    for order in itertools.permutations(SWITCHES):
        for place, switch in enumerate(order):
            before = frozenset(order[:place])
            by_hand[switch] += (value[before | {switch}] - value[before]) / math.factorial(3)
    assert shapley_values(SWITCHES, value) == pytest.approx(by_hand)


def test_a_switch_that_takes_a_part_takes_it_alone_and_last():
    noise = generator().normal(0, 0.5, (30, 24))
    losses = {on: 2 + (0.2 if "a" in on else 1) * noise for on in subsets(SWITCHES)}
    table = found(losses, groups(12))
    assert (table["a"].alone, table["a"].last, table["a"].share) == pytest.approx((0.8, 0.8, 1))
    assert (table["b"].alone, table["b"].last, table["b"].share) == pytest.approx((0, 0, 0), abs=1e-9)


def test_links_of_a_chain_each_take_most_of_it_alone_and_little_last():
    noise = generator().normal(0, 0.5, (30, 24))
    losses = {on: 2 + (0.1 if on else 1) * noise for on in subsets(("a", "b"))}
    table = found(losses, groups(12))
    for switch in "ab":
        assert (table[switch].alone, table[switch].last, table[switch].share) == pytest.approx((0.9, 0, 0.5), abs=1e-9)


def test_shares_are_not_given_where_a_switch_makes_it_worse():
    noise = generator().normal(0, 0.5, (30, 24))
    losses = {on: 2 + (0.1 if "a" in on else 1) * (2 if "b" in on else 1) * noise for on in subsets(("a", "b"))}
    table = found(losses, groups(12))
    assert table["a"].share is None and table["b"].share is None
    assert table["b"].alone == pytest.approx(-1)


def test_what_needs_another_switch_is_held_against_that_one_alone():
    noise = generator().normal(0, 0.5, (30, 24))
    size = {NOTHING: 1.0, frozenset("a"): 0.1, frozenset("ab"): 0.05}
    losses = {on: 2 + part * noise for on, part in size.items()}
    table = found(losses, groups(12), {"b": "a"})
    assert table["a"].alone == pytest.approx(0.9)
    assert table["b"].alone == pytest.approx(0.5) and table["b"].last == pytest.approx(0.5)


def test_a_smooth_fall_is_not_attributed():
    fall = np.linspace(2, 1, 20)[:, np.newaxis] * np.ones(24)
    assert found({NOTHING: fall * 0 + 1, frozenset("a"): fall * 0 + 1}, groups(12)) is None


def test_the_loss_that_a_switch_takes_is_told_apart_from_the_jumping():
    noise = generator().normal(0, 0.1, (30, 24))
    losses = {NOTHING: 2 + noise, frozenset("a"): 1 + noise}
    table = found(losses, groups(12))
    assert table["a"].alone == pytest.approx(0, abs=1e-9)
    assert table["a"].loss == pytest.approx(0.5, abs=0.02)
    low, high = table["a"].loss_interval
    assert low < table["a"].loss < high


def test_too_few_groups_give_no_interval():
    noise = generator().normal(0, 0.5, (20, 6))
    losses = {NOTHING: 2 + noise, frozenset("a"): 2 + 0.3 * noise}
    one_of_each = Groups("block", np.repeat(np.arange(3), 2), np.arange(3), ())
    assert found(losses, one_of_each)["a"].interval is None
    assert found(losses, one_of_each)["a"].alone == pytest.approx(0.7)


@pytest.mark.parametrize("count", [6, 9, 12])
def test_intervals_hold_the_truth_as_often_as_they_say(count):
    """Losses of new recordings over new epochs: every epoch moves all recordings, and each of them apart, too.

    The switch takes 70 % of the common noise, and half of each recording's own. The truth is that of 4,000 recordings
    over 4,000 epochs.
    """
    rng, parts = generator(count), {NOTHING: (1.0, 1.0), frozenset("a"): (0.3, 0.5)}

    def losses(epochs, recordings):
        common, own = rng.normal(0, 0.5, (epochs, 1)), rng.normal(0, 0.5, (epochs, recordings))
        return {on: 3 + a * common + b * own for on, (a, b) in parts.items()}

    # Jumping of the mean over n recordings: variances .25 a^2 + .25 b^2 / n.
    before, after = (math.hypot(a, b / math.sqrt(count)) for a, b in parts.values())
    truth, held, trials = 1 - after / before, 0, 200
    for _ in range(trials):
        low, high = found(losses(20, count), groups(count, 1), seed=int(rng.integers(2**32)))["a"].interval
        held += low <= truth <= high
    assert 0.9 <= held / trials <= 1.0


def test_the_fitted_temperature_is_that_of_the_logits():
    rng = generator()
    logits = rng.normal(0, 3, (20_000, 3))
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)  # drawn from softmax(logits)
    assert fit_temperature(logits, labels) == pytest.approx(1.0, rel=0.07)
    assert fit_temperature(5 * logits, labels) == pytest.approx(5.0, rel=0.07)


def test_every_class_has_recordings_in_both_halves():
    strata = np.array([0, 0, 1, 1, 1, 2, 2])
    half = halves(Groups("recording", np.arange(7), strata, ()))
    assert all(set(half[strata == label]) == {0, 1} for label in range(3))
