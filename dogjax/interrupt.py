"""Handles SIGTERM and Ctrl-C: raises at once, or notes the signal until it is safe to stop."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from types import FrameType

from tqdm import tqdm

from dogjax.errors import Stopped

EXIT_STATUS = {signal.SIGTERM: 143, signal.SIGINT: 130}


def stop_at_once() -> None:
    """Makes either signal raise `Stopped` from now on, wherever the program is."""
    tqdm.get_lock()  # made at the first bar otherwise, and a half-made one complains when the signal comes just then

    def stop(number: int, _: FrameType | None) -> None:
        raise _stopped(signal.Signals(number))

    for each in EXIT_STATUS:
        signal.signal(each, stop)


def end_with_parent() -> None:
    """Makes the process that started this one take it along when it is killed: nobody would wait for it any more."""
    if (parent := multiprocessing.parent_process()) is None:
        return

    def end() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=end, daemon=True).start()


class Interrupt:
    """Notes the first signal within the block; a second one acts at once, as it did before.

    An exception at an arbitrary place could leave a lock of a thread pool taken, and the program waiting for ever.
    Signals reach the main thread alone: in another thread the block changes nothing.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._previous = {}

    def __enter__(self) -> "Interrupt":
        if threading.current_thread() is threading.main_thread():
            self._previous = {each: signal.signal(each, self._note) for each in EXIT_STATUS}
        return self

    def __exit__(self, *_: object) -> None:
        for each, handler in self._previous.items():
            signal.signal(each, handler)

    @property
    def exit_status(self) -> int:
        """Returns the process's exit status for the signal, or 0."""
        return EXIT_STATUS[self.signal] if self.signal else 0

    def check(self) -> None:
        """Raises `Stopped` if a signal came."""
        if self.signal:
            raise _stopped(self.signal)

    def _note(self, number: int, _: FrameType | None) -> None:
        self.signal = signal.Signals(number)
        signal.signal(number, self._previous[self.signal])


def _stopped(number: signal.Signals) -> Stopped:
    return Stopped(f"{number.name} received: stopped; the same command starts again", EXIT_STATUS[number])
