"""Von Neumann volatility: jumps from epoch to epoch, not the trend under them."""

import numpy as np
import pytest

from dogjax.eval.curves import von_neumann_volatility


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
