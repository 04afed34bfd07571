"""An epoch is sent in the same parts however often a run is stopped."""

import pytest

from dogjax import runtime
from dogjax.config import Config, replace_fields
from dogjax.train.loop import DISPATCH_BYTES, STEPS_ON_AN_ACCELERATOR, end_of_dispatch, side_by_side, steps_at_once


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


def test_runs_take_their_steps_at_once_on_a_cpu_and_in_turn_on_an_accelerator(monkeypatch):
    runs = [object(), object(), object()]
    assert side_by_side(runs) == [runs]
    monkeypatch.setattr(runtime, "on_accelerator", lambda: True)
    assert side_by_side(runs) == [[run] for run in runs]


def test_a_cpu_is_sent_a_step_at_a_time():
    assert steps_at_once(Config()) == 1


@pytest.mark.parametrize(("size", "batch", "steps"), [(64, 64, 16), (384, 256, 1), (224, 64, 6)])
def test_an_accelerator_is_sent_as_many_steps_as_their_batches_leave_room_for(monkeypatch, size, batch, steps):
    monkeypatch.setattr(runtime, "on_accelerator", lambda: True)
    config = replace_fields(Config(), {"data.image_size": size, "train.batch_size": batch})
    assert steps_at_once(config) == steps
    if steps < STEPS_ON_AN_ACCELERATOR and batch * size**2 * 12 <= DISPATCH_BYTES:
        assert steps * batch * size**2 * 12 <= DISPATCH_BYTES
