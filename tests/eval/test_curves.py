"""Von Neumann volatility: jumps from epoch to epoch, not the trend under them."""

import numpy as np
import pytest

from dogjax.eval import curves
from dogjax.eval.curves import drawdown, jumping, oscillation, robust_volatility, spike_share, von_neumann_volatility


def white_noise(sd: float, epochs: int) -> np.ndarray:
    return np.random.default_rng(7).normal(0, sd, epochs)


def test_volatility_is_the_formula_of_von_neumann():
    # Steps of the log: +1, -1, +2; squares 1 + 1 + 4, over 2 (T - 1) = 6.
    losses = np.exp([0.0, 1.0, 0.0, 2.0])
    assert von_neumann_volatility(losses) == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("sd", [0.01, 0.3, 2.0])
def test_volatility_of_white_noise_is_its_standard_deviation(sd):
    noise = white_noise(sd, 20_000)
    # Its relative SD is sqrt(3 / (4 T)) = 0.6 %.
    assert von_neumann_volatility(np.exp(noise)) == pytest.approx(sd, rel=0.02)


def test_a_slow_trend_hardly_moves_volatility():
    noise = white_noise(0.3, 200)
    trend = np.linspace(0, -6, 200)  # from 1 to 0.0025: twenty times the noise
    flat, falling = (von_neumann_volatility(np.exp(y)) for y in (noise, noise + trend))
    assert falling == pytest.approx(flat, rel=0.02)
    assert np.std(noise + trend) > 5 * np.std(noise)


def test_a_smooth_curve_has_almost_none_and_a_constant_one_has_none():
    assert von_neumann_volatility(np.exp(-np.linspace(0, 5, 100))) == pytest.approx(5 / 99 / np.sqrt(2))
    assert von_neumann_volatility(np.full(50, 0.7)) == 0.0


def test_volatility_does_not_depend_on_the_unit_of_the_loss():
    losses = np.exp(white_noise(0.5, 60))
    assert von_neumann_volatility(losses / np.log(2)) == pytest.approx(von_neumann_volatility(losses), rel=1e-9)


@pytest.mark.parametrize("losses", [[], [0.5], [0.5, 3.0]])
def test_fewer_than_three_epochs_have_no_volatility(losses):
    assert von_neumann_volatility(np.array(losses)) is None


def test_three_epochs_have_a_volatility():
    assert von_neumann_volatility(np.array([1.0, 2.0, 1.0])) == pytest.approx(np.log(2) / np.sqrt(2))


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan])
def test_a_loss_without_a_logarithm_has_no_volatility(bad):
    assert von_neumann_volatility(np.array([1.0, 2.0, bad, 1.0])) is None


def test_volatility_is_a_plain_float():
    assert type(von_neumann_volatility(np.array([1, 2, 4], np.float32))) is float


def test_the_robust_volatility_is_that_of_the_usual_epoch():
    noise = white_noise(0.3, 20_000)
    spiked = noise + 5.0 * (np.arange(20_000) % 20 == 0)
    assert robust_volatility(np.exp(noise)) == pytest.approx(0.3, rel=0.03)
    # Two steps of twenty are a spike's: they shift the median of the others' sizes a little.
    assert robust_volatility(np.exp(spiked)) == pytest.approx(0.3, rel=0.2)
    assert von_neumann_volatility(np.exp(spiked)) > 1


def test_oscillation_tells_a_trend_from_noise_and_from_to_and_fro():
    noise = white_noise(1.0, 20_000)
    assert oscillation(np.exp(np.linspace(0, 5, 100))) < 0.01
    assert oscillation(np.exp(noise)) == pytest.approx(1, rel=0.02)
    assert oscillation(np.exp(np.tile([0.0, 1.0], 50))) == pytest.approx(2, rel=0.02)
    assert oscillation(np.ones(9)) is None


def test_spikes_are_counted_and_slow_changes_are_not():
    y = np.linspace(0, -3, 100) + white_noise(0.05, 100)
    y[[20, 50, 80]] += 2
    assert 0.03 <= spike_share(np.exp(y)) <= 0.05
    assert spike_share(np.exp(-np.linspace(0, 3, 100))) <= 0.06
    assert spike_share(np.ones(20)) == 0


def test_drawdown_is_the_deepest_fall_below_the_best_so_far():
    assert drawdown(np.array([0.2, 0.6, 0.5, 0.7, 0.3, 0.9])) == pytest.approx(0.4)
    assert drawdown(np.array([0.1, 0.2, 0.3])) == 0


@pytest.mark.parametrize("measure", [robust_volatility, oscillation, spike_share])
def test_measures_are_null_where_the_loss_has_no_logarithm_or_epochs_are_few(measure):
    assert measure(np.array([1.0, 0.0, 2.0])) is None
    assert measure(np.array([1.0, 2.0])) is None


def test_jumping_is_the_deviation_of_noise_around_a_straight_fall():
    epochs = np.arange(20_000)
    noise = np.random.default_rng(0).normal(0, 0.3, len(epochs))
    assert jumping(5 - 1e-4 * epochs + noise) == pytest.approx(0.3, rel=0.02)
    assert jumping(5 - 0.1 * np.arange(10)) == pytest.approx(0, abs=1e-12)
    assert jumping(np.array([0.0, 1.0, 0.0])) == pytest.approx(2 / np.sqrt(6))
    assert jumping(np.array([1.0, 2.0])) is None


def test_relative_jumping_is_that_of_the_logarithm_and_a_steady_fall_has_none():
    fall = 0.8 ** np.arange(12)
    assert curves.relative_jumping(fall) == pytest.approx(0, abs=1e-12)
    assert curves.von_neumann_volatility(fall) > 0.1
    noisy = fall * np.exp(0.2 * np.random.default_rng(0).normal(size=12))
    assert curves.relative_jumping(3 * noisy) == pytest.approx(curves.jumping(np.log(noisy)))
    assert curves.relative_jumping(np.array([0.5, 0.0, 0.5])) is None and curves.relative_jumping(fall[:2]) is None


def test_a_score_is_a_mean_over_the_last_quarter_and_ten_epochs_at_most():
    assert [curves.last_epochs(count) for count in (1, 4, 6, 20, 40, 100)] == [1, 1, 2, 5, 10, 10]
