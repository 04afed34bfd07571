"""Work on all cores: results in order, and an end as soon as an error or a signal comes."""

import os
import signal
import time

import pytest

from dogjax.errors import Stopped, UserError
from dogjax.workers import map_on_all_cores


def test_results_come_in_the_order_of_the_items():
    done = []
    results = map_on_all_cores(lambda item, _: (time.sleep(0.01 * (5 - item)), item)[1], range(5), done.append)
    assert results == [0, 1, 2, 3, 4]
    assert done == [1, 1, 1, 1, 1]


def test_an_error_ends_the_work_and_tells_those_under_way():
    told = []

    def work(item, stop):
        if item == 0:
            raise UserError("no")
        told.append(stop.wait(10))

    with pytest.raises(UserError, match="no"):
        map_on_all_cores(work, range(1000))
    assert len(told) < 1000
    assert all(told)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_work_with_its_status(number, status):
    def work(item, stop):
        if item == 0:
            os.kill(os.getpid(), number)
        stop.wait(10)

    before = signal.getsignal(number)
    with pytest.raises(Stopped) as stopped:
        map_on_all_cores(work, range(1000))
    assert stopped.value.exit_status == status
    assert signal.getsignal(number) == before
