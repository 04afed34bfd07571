"""SIGTERM and Ctrl-C: at once before training, between two steps while it goes on."""

import signal
from types import FrameType

from dogjax.errors import Stopped

EXIT_STATUS = {signal.SIGTERM: 143, signal.SIGINT: 130}


def stop_at_once() -> None:
    """From now on either signal raises `Stopped` where the program is."""

    def stop(number: int, _: FrameType | None) -> None:
        name = signal.Signals(number).name
        raise Stopped(f"{name} received: stopped; the same command starts again", EXIT_STATUS[signal.Signals(number)])

    for each in EXIT_STATUS:
        signal.signal(each, stop)


class Interrupt:
    """Within the block, the first signal is noted; a second one acts at once, as it did before."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._previous = {}

    def __enter__(self) -> "Interrupt":
        self._previous = {each: signal.signal(each, self._note) for each in EXIT_STATUS}
        return self

    def __exit__(self, *_: object) -> None:
        for each, handler in self._previous.items():
            signal.signal(each, handler)

    @property
    def exit_status(self) -> int:
        """The shell's status for the signal, or 0."""
        return EXIT_STATUS[self.signal] if self.signal else 0

    def _note(self, number: int, _: FrameType | None) -> None:
        self.signal = signal.Signals(number)
        signal.signal(number, self._previous[self.signal])
