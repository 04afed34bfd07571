"""SIGTERM and Ctrl-C as a wish that the loop looks at between two steps."""

import signal
from types import FrameType

EXIT_STATUS = {signal.SIGTERM: 143, signal.SIGINT: 130}


class Interrupt:
    """Within the block, the first signal is noted; a second one acts at once, as it always did."""

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
