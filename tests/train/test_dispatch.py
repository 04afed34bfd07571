"""An epoch is sent in the same parts however often a run is stopped."""

import jax
import pytest

from dogjax.train.loop import STEPS_ON_AN_ACCELERATOR, end_of_dispatch, steps_at_once


def parts(first, stop, steps_per_epoch, at_once):
    """Where dispatches begin."""
    begin = []
    while first < stop:
        begin.append(first)
        first = end_of_dispatch(first, steps_per_epoch, at_once)
    assert first == stop
    return begin


@pytest.mark.parametrize(("at_once", "wanted"), [(1, range(12)), (4, [0, 4, 5, 6, 10, 11]), (99, [0, 5, 6, 11])])
def test_the_last_step_of_an_epoch_goes_alone(at_once, wanted):
    assert parts(0, 12, 6, at_once) == list(wanted)


def test_a_run_that_goes_on_within_an_epoch_joins_the_same_parts():
    whole = parts(0, 46, 23, 4)
    for stopped in whole[1:]:
        assert parts(stopped, 46, 23, 4) == [step for step in whole if step >= stopped]


def test_an_epoch_of_one_step_is_a_part():
    assert parts(0, 3, 1, 16) == [0, 1, 2]


def test_a_cpu_is_sent_a_step_at_a_time(monkeypatch):
    assert steps_at_once() == 1
    monkeypatch.setattr(jax, "default_backend", lambda: "tpu")
    assert steps_at_once() == STEPS_ON_AN_ACCELERATOR
