"""Eight runs as one study, and as eight runs of `launch.py`."""

import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

RUNS = 8


def study() -> Callable[[], float]:
    """Seconds of a study of eight runs: four seeds of one configuration, each under two names."""
    arms = "--config.study.arms=(('again',(('model.dropout',0.3),)),)"
    flags = ("--mode=study", "--config.study.kind=arms", f"--config.study.replicates={RUNS // 2}", arms)
    return _lap(lambda folder: _launch(folder, *flags))


def launches() -> Callable[[], float]:
    """Seconds of the same eight runs, one after the other, each started by itself."""

    def eight(folder: pathlib.Path) -> None:
        for number in range(RUNS):
            _launch(folder / str(number), f"--config.seed={number // 2}", "--config.train.keep_weights=false")

    return _lap(eight)


def _lap(work: Callable[[pathlib.Path], None]) -> Callable[[], float]:
    """Times the work in an empty folder; the frames are prepared and the functions compiled before."""
    with tempfile.TemporaryDirectory(prefix="dogjax-bench-") as folder:
        _launch(pathlib.Path(folder), "--config.train.epochs=1")

    def lap() -> float:
        with tempfile.TemporaryDirectory(prefix="dogjax-bench-") as folder:
            started = time.perf_counter()
            work(pathlib.Path(folder))
            return time.perf_counter() - started

    return lap


def _launch(folder: pathlib.Path, *flags: str) -> None:
    command = [sys.executable, "launch.py", "--config=configs/seed_study.py", f"--workdir={folder}", *flags]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
