"""Resident memory of a process that trains on a great many frames."""

import atexit
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator

import numpy as np

from configs import baseline
from dogjax import config as config_lib
from dogjax.data import frames
from dogjax.data.builder import Example, write_dataset
from dogjax.data.pipeline import make_pipeline
from dogjax.data.splits import split_frames
from dogjax.prng import Streams

SIDE, BATCHES, LABELS = 64, 500, ("a", "b", "c")


def growth(few: int, many: int) -> Callable[[], float]:
    """Peak resident megabytes that drawing 500 training batches takes more of `many` frames on disk than of `few`."""
    small, large = map(_written, (few, many))
    return lambda: _measured(large) - _measured(small)


def _written(count: int) -> str:
    folder = tempfile.mkdtemp(prefix="dogjax-bench-")
    atexit.register(shutil.rmtree, folder)
    write_dataset(pathlib.Path(folder), _examples(count), list(LABELS), SIDE)
    return folder


def _measured(folder: str) -> float:
    # A process of its own: what writing took does not count.
    code = f"from bench.contenders import memory; print(memory.train({folder!r}))"
    return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def _examples(count: int) -> Iterator[Example]:
    for number in range(count):
        image = np.full((SIDE, SIDE, 3), number % 256, np.uint8)
        label = LABELS[number % len(LABELS)]
        yield Example(f"{number}", image, label, f"{label}{number % 30}", "", float(number), 0.0)


def train(folder: str) -> float:
    """Peak resident megabytes after the batches."""
    c = baseline.get_config()
    config = config_lib.from_dict(c.to_dict())
    frames.MEMORY_BUDGET = 0  # as if no dataset, large or small, fitted into memory
    table, streams = frames.load_frames(pathlib.Path(folder), ()), Streams(0)
    split = split_frames(table, config.split, streams)
    source = make_pipeline(table, frames.open_images(table, SIDE), split, config, streams)
    for _ in source.train_batches(0, BATCHES):
        pass
    # Not getrusage: the peak that it tells is inherited from the process that wrote the frames.
    status = pathlib.Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024
