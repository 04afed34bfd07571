"""Maps a function over items on all cores; an error or a signal ends it early."""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import TypeVar

from dogjax.interrupt import Interrupt

Item = TypeVar("Item")
Result = TypeVar("Result")

# How long a signal may wait for an answer.
SECONDS_BETWEEN_CHECKS = 0.1


def map_on_all_cores(
    function: Callable[[Item, threading.Event], Result],
    items: Sequence[Item],
    progress: Callable[[int], object] | None = None,
) -> list[Result]:
    """Calls `function(item, stop)` for every item, in as many threads as this process has cores.

    Args:
      function: checks `stop` now and then; once it is set, nobody needs the result.
      items: one a call.
      progress: called with 1 after each, from the calling thread.

    Returns:
      The results, in the order of the items.

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
                done, pending = wait(pending, SECONDS_BETWEEN_CHECKS, FIRST_COMPLETED)
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
