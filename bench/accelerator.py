"""What dogjax does on an accelerator: whether its bits repeat, its speed beside its peers, and its memory.

    python -m bench.accelerator --pack FILE               here: writes the frames of configs/baseline.py, under 40 MB
    python -m bench.accelerator FILE RESULTS [--quick]    there: measures, the most important first, for six minutes

`RESULTS`, a JSON file, is written anew after every figure, so that nothing is lost when the time is up. `--quick` takes
small sizes, for a CPU. `python -m bench.accelerator_table` puts `bench/accelerator.json` into `docs/performance.md`.
"""

import argparse
import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from dogjax.files import write_json

MINUTES = 6.0
STEPS, QUICK_STEPS = 300, 12
# The run that is to be killed ends within the epoch after these, at a step that is left to chance.
KILL_AFTER_EPOCHS = 2
# As a user writes it who does not want the bits to repeat; without it dogjax asks for deterministic operations.
FREE = "--xla_gpu_deterministic_ops=false"


class Results:
    """Figures in a JSON file: `{"device", "rows"}`, written anew with every row.

    Args:
      path: of the file.
      seconds: until the time is up.
    """

    def __init__(self, path: pathlib.Path, seconds: float) -> None:
        self._path, self._end = path, time.monotonic() + seconds
        self._content: dict[str, Any] = {"device": None, "rows": []}

    @property
    def seconds_left(self) -> float:
        """Until the time is up."""
        return self._end - time.monotonic()

    def device(self, description: dict[str, Any]) -> None:
        """Keeps what the figures were measured on."""
        self._content["device"] = description
        write_json(self._path, self._content)

    def add(self, measure: str, **row: Any) -> None:
        """Keeps a figure, and prints it."""
        self._content["rows"].append({"measure": measure, **row})
        write_json(self._path, self._content)
        print(json.dumps(self._content["rows"][-1]), flush=True)


def measure(results: Results, name: str, rows: str, flags: str | None = None, **arguments: Any) -> None:
    """Runs one measure of `bench.device` in a process of its own, and keeps its figures as they come.

    Args:
      results: where they are kept.
      name: of the function.
      rows: what its rows are called.
      flags: `XLA_FLAGS` of the process; None: as they are.
      arguments: of the function.
    """
    for row in _lines(name, arguments, flags, results.seconds_left):
        results.add(rows, **row)


def _lines(name: str, arguments: dict[str, Any], flags: str | None, seconds: float) -> Iterator[dict]:
    """Yields what a measure says; after `seconds` it is killed, and a row says so."""
    with _started(name, arguments, flags) as process:
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=_read, args=(process, lines), daemon=True).start()
        end = time.monotonic() + seconds
        while True:
            try:
                line = lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                process.kill()
                yield {"failed": "the time was up"}
                return
            if line is None:
                break
            if line.startswith("{"):
                yield json.loads(line)
        if process.wait():
            yield {"failed": f"the process ended with status {process.returncode}; what it said is above"}


def _read(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put(None)


def _started(name: str, arguments: dict[str, Any], flags: str | None) -> subprocess.Popen[str]:
    # PyTorch and JAX share the device in one process, so JAX takes memory as it needs it.
    variables = os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    if flags is not None:
        variables["XLA_FLAGS"] = flags
    command = [sys.executable, "-m", "bench.device", name, json.dumps(arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables)


def measure_bits(results: Results, pack: str, folder: pathlib.Path, quick: bool) -> None:
    """Trains one run cold, warm, once more cold, killed and resumed, and twice without deterministic operations."""
    steps = QUICK_STEPS if quick else STEPS

    def run(variant: str, cache: str, flags: str | None = None, name: str | None = None) -> None:
        arguments = {"pack": pack, "workdir": str(folder / (name or variant)), "cache": str(folder / cache)}
        measure(results, "run", f"bits, {variant}", flags, steps=steps, quick=quick, **arguments)

    run("cold", "cache")
    if not quick:
        run("warm", "cache")
    _kill(results, pack, folder, steps, quick)
    run("killed and resumed", "cache", name="killed")
    if quick:
        return
    run("cold again", "cache 2")
    run("free, cold", "cache 3", FREE)
    run("free, cold again", "cache 4", FREE)


def _kill(results: Results, pack: str, folder: pathlib.Path, steps: int, quick: bool) -> None:
    """Starts a run, and kills it at some step within an epoch."""
    workdir = folder / "killed"
    arguments = {"pack": pack, "workdir": str(workdir), "cache": str(folder / "cache"), "steps": steps, "quick": quick}
    with _started("run", arguments, None) as process:
        metrics = workdir / "metrics.jsonl"
        while process.poll() is None and results.seconds_left > 0:
            if metrics.exists() and len(metrics.read_text().splitlines()) >= KILL_AFTER_EPOCHS:
                time.sleep(float(np.random.default_rng().uniform(0, 0.3)))
                break
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    results.add("bits, killed", status=process.returncode)


def measure_all(pack: str, path: pathlib.Path, quick: bool, minutes: float) -> None:
    """Measures everything that there is time for."""
    results = Results(path, minutes * 60)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for row in _lines("describe", {}, None, results.seconds_left):
            results.device(row)
        measure_bits(results, pack, folder, quick)
        sizes, frames, dtypes = ([64], [8], ["float32"]) if quick else ([64], [64, 256], ["float32", "bfloat16"])
        measure(results, "steps", "step", sizes=sizes, frames=frames, dtypes=dtypes, quick=quick)
        measure(results, "batches", "batch", pack=pack, cache=str(folder / "cache"), quick=quick)
        arguments = {"pack": pack, "cache": str(folder / "cache"), "epochs": 1 if quick else 4, "quick": quick}
        for runs in [2] if quick else [1, 16]:
            measure(results, "study", "study", runs=runs, workdir=str(folder / f"study {runs}"), **arguments)
        if not quick:
            # Last: large programs take long to compile.
            measure(results, "steps", "step", sizes=[128, 224], frames=frames, dtypes=dtypes, quick=quick)


def pack(path: pathlib.Path) -> None:
    """Writes the frames of `configs/baseline.py`, their labels and their groups to one compressed file."""
    from configs import baseline
    from dogjax import config as config_lib
    from dogjax.train.experiment import load_material

    material = load_material(config_lib.from_dict(baseline.get_config().to_dict()).data)
    table = material.table
    np.savez_compressed(
        path,
        images=material.images.read(np.arange(len(table))),
        labels=table.label,
        label_names=np.array(table.label_names),
        recording=table.recording,
        background=table.background,
        time=table.time,
    )
    print(f"{path}: {len(table)} frames, {path.stat().st_size / 1e6:.1f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", help="FILE RESULTS")
    parser.add_argument("--pack", metavar="FILE", type=pathlib.Path, help="write the frames to FILE (.npz)")
    parser.add_argument("--quick", action="store_true", help="small sizes, for a CPU")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="when to stop")
    given = parser.parse_args()
    if given.pack:
        pack(given.pack)
    elif len(given.files) == 2:
        measure_all(given.files[0], pathlib.Path(given.files[1]), given.quick, given.minutes)
    else:
        parser.error("name the packed frames and the file for the results")


if __name__ == "__main__":
    main()
