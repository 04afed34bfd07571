"""From `python launch.py` to the end of the first step."""

import json
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable


def start() -> Callable[[], float]:
    """Seconds until a new run, of steps compiled before, has taken its first one; frames are prepared already."""
    with tempfile.TemporaryDirectory(prefix="dogjax-bench-") as folder:
        _first_step(pathlib.Path(folder))

    def lap() -> float:
        with tempfile.TemporaryDirectory(prefix="dogjax-bench-") as folder:
            return _first_step(pathlib.Path(folder))

    return lap


def _first_step(workdir: pathlib.Path) -> float:
    # An epoch of one step: its end is noted in progress.jsonl.
    options = ["--config=configs/baseline.py", f"--workdir={workdir}", "--config.split.train_fraction=0.04"]
    progress = workdir / "progress.jsonl"
    started = time.time()
    process = subprocess.Popen([sys.executable, "launch.py", *options], stdout=subprocess.DEVNULL)
    while process.poll() is None and not (progress.exists() and progress.read_text().endswith("\n")):
        time.sleep(0.01)
    if not progress.exists():
        raise RuntimeError("launch.py ended before its first step; its message is above")
    process.kill()
    process.wait()
    return json.loads(progress.read_text().splitlines()[0])["time"] - started
