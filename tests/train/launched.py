"""Python commands in processes of their own, forked from one that has imported everything already.

Python's fork server imports `preloaded.py` once; a command then starts in a tenth of a second, not in ten seconds. From
there on it is what a user would start: it has flags, streams, signals and an exit status of its own.
"""

import multiprocessing
import os
import pathlib
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from tests.train import preloaded

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload([preloaded.__name__])


class Launched:
    """A command that runs; what still runs at the end of the block is killed.

    Args:
      command: `[python, FILE, ...]` or `[python, "-c", PROGRAM, ...]`.
    """

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._folder = tempfile.TemporaryDirectory()
        self._files = [f"{self._folder.name}/{name}" for name in ("stdout", "stderr")]
        for path in self._files:
            pathlib.Path(path).touch()  # a process that is killed at once has said nothing
        self._process = _server.Process(target=_become, args=(command[1:], environment(), *self._files))
        self._process.start()

    def __enter__(self) -> "Launched":
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_running():
            self.send(signal.SIGKILL)
        self._process.join()
        self._folder.cleanup()

    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.exitcode is None

    def send(self, number: signal.Signals, *, group: bool = False) -> None:
        """Signals it; with `group`, every process that it started as well, as Ctrl-C on a terminal does."""
        pid = self._process.pid
        assert pid is not None
        (os.killpg if group else os.kill)(pid, number)

    def send_when(self, when: Callable[[], bool], number: signal.Signals) -> None:
        """Signals it as soon as `when()` holds; one that ends before is let be."""
        while self.is_running():
            if when():
                self.send(number)
                return
            time.sleep(0.002)

    def end(self, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Waits for its end, and returns its status and what it said."""
        self._process.join(timeout)
        assert not self.is_running(), f"{self._command} runs after {timeout} s"
        status = self._process.exitcode
        assert status is not None
        output, errors = (pathlib.Path(path).read_text() for path in self._files)
        return subprocess.CompletedProcess(self._command, status, output, errors)


def environment() -> dict[str, str]:
    """This process's environment, less what would change the bits of a run."""
    return {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}


def _become(argv: list[str], variables: dict[str, str], output: str, errors: str) -> None:
    """Turns this fresh fork into a process of the command `argv`."""
    os.setpgid(0, 0)
    for number, path in ((1, output), (2, errors)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(variables)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
    if argv[0] == "-c":
        sys.argv = ["-c", *argv[2:]]
        exec(compile(argv[1], "<program>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = argv
        runpy.run_path(argv[0], run_name="__main__")
