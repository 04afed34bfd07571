"""Work on all cores, that an error or a signal ends early."""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import TypeVar

from dogjax.interrupt import Interrupt

Item = TypeVar("Item")
Result = TypeVar("Result")

# How long a signal may wait to be looked at.
SECONDS_BETWEEN_LOOKS = 0.1


def map_on_all_cores(
    function: Callable[[Item, threading.Event], Result],
    items: Sequence[Item],
    progress: Callable[[int], object] | None = None,
) -> list[Result]:
    """`function(item, stop)` of every item, in their order, in as many threads as this process has cores.

    Args:
      function: looks at `stop` now and then; where it is set, nobody wants the result any more.
      items: one a call.
      progress: called with 1 after each, from the calling thread.

    Raises:
      Exception: the first that a call raises.
      Stopped: SIGTERM or Ctrl-C came.
    """
    stop = threading.Event()
    with Interrupt() as interrupt, ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        jobs = [pool.submit(function, item, stop) for item in items]
        pending = set(jobs)
        try:
            while pending:
                done, pending = wait(pending, SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED)
                for job in done:
                    job.result()
                    if progress is not None:
                        progress(1)
                interrupt.check()
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [job.result() for job in jobs]
