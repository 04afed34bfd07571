"""Real runs for tests: `tiny.py` on real video files, in this process or through `launch.py` as a user would."""

import contextlib
import dataclasses
import io
import json
import pathlib
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from unittest import mock

from absl import flags

import dogjax.study.shards  # noqa: F401  # submitit closes absl's log when imported: too early within a test
import launch
from dogjax import config as config_lib
from dogjax.config import Config
from dogjax.errors import Stopped
from dogjax.train.loop import train
from dogjax.train.workdir import Workdir
from dogjax.world import film
from tests.train import tiny
from tests.train.launched import Launched, environment

ROOT = pathlib.Path(__file__).parent.parent.parent


@dataclasses.dataclass(frozen=True)
class Setup:
    """Where a test's videos are, and the cache for the frames made of them."""

    videos: pathlib.Path
    cache: pathlib.Path

    def config(self, **overrides: object) -> Config:
        """The configuration in `tiny.py`. Overrides: `train__epochs=2` and so on."""
        values = tiny.get_config()
        values.data.path, values.data.cache_dir = str(self.videos), str(self.cache)
        for name, value in overrides.items():
            group, _, field = name.partition("__")
            values[group][field] = value
        return config_lib.from_dict(values.to_dict())

    def train(self, workdir: pathlib.Path, **overrides: object) -> None:
        """Trains in this process."""
        with contextlib.suppress(Stopped):
            train(self.config(**overrides), Workdir(workdir))

    def command(self, workdir: pathlib.Path, *flags: str) -> list[str]:
        """The command line that a user would write."""
        data = (f"--config.data.path={self.videos}", f"--config.data.cache_dir={self.cache}")
        return [*LAUNCH, f"--config={ROOT}/tests/train/tiny.py", f"--workdir={workdir}", *data, *flags]

    def launch(self, workdir: pathlib.Path, *flags: str) -> subprocess.CompletedProcess[str]:
        """Runs `launch.py` to its end."""
        return run_command(self.command(workdir, *flags))

    def launch_here(self, workdir: pathlib.Path, *flags: str) -> subprocess.CompletedProcess[str]:
        """Runs `launch.py` to its end in this process."""
        return run_here(self.command(workdir, *flags))

    def launch_and_signal(
        self, workdir: pathlib.Path, number: signal.Signals, when: Callable[[], bool], *flags: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs `launch.py` and signals it as soon as `when` holds; one that ends before is let be."""
        with Launched(self.command(workdir, *flags)) as launched:
            launched.send_when(when, number)
            return launched.end()


LAUNCH = [sys.executable, str(ROOT / "launch.py")]


def run_command(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end, in a process that has imported everything already."""
    with Launched(command) as launched:
        return launched.end()


def run_anew(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end, as a shell would."""
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment())


def run_here(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs a command of `launch.py` to its end in this process, which has imported everything already.

    A defect of the program raises here, instead of ending a process with a traceback.
    """
    argv = command[1:]
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    output, errors = io.StringIO(), io.StringIO()
    try:
        # The flag of a configuration file looks for its overrides in `sys.argv`.
        with (
            warnings.catch_warnings(),
            mock.patch.object(sys, "argv", argv),
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(errors),
        ):
            warnings.filterwarnings("ignore", "the load_module", DeprecationWarning)  # of ml_collections
            status = launch._run(argv)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        _forget_flags()
    return subprocess.CompletedProcess(command, status, output.getvalue(), errors.getvalue())


def _forget_flags() -> None:
    """Makes every flag of `launch.py` as it was before the first command line."""
    for name in list(flags.FLAGS):
        if name.startswith("config."):
            delattr(flags.FLAGS, name)
    flags.FLAGS.unparse_flags()


def render_videos(root: pathlib.Path) -> None:
    """Three dogs, two places, two clips of six seconds in each."""
    chosen = [each for each in film.world() if each.background in ("beach", "street") and each.name != "rec3"]
    film.render_clips(root, recordings=chosen, seconds=6)


def epochs_done(workdir: pathlib.Path) -> int:
    """Lines in `metrics.jsonl`."""
    path = workdir / "metrics.jsonl"
    return len(path.read_text().splitlines()) if path.exists() else 0


def result(workdir: pathlib.Path) -> dict:
    """The run's `result.json`."""
    return json.loads((workdir / "result.json").read_text())


def outcome(workdir: pathlib.Path) -> tuple[str, str, bytes]:
    """What law 4 says is equal: identity, `state_sha256` and the bytes of `metrics.jsonl`."""
    ended = result(workdir)
    assert ended["status"] == "finished"
    return ended["identity"], ended["state_sha256"], (workdir / "metrics.jsonl").read_bytes()
