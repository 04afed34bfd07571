"""`docs/performance.md`, written from the rows of a bench."""

import os
import pathlib
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from bench import accelerator_table
from bench.measures import MEASURES

PEERS = {
    "keras_tensorflow": "Keras on TensorFlow",
    "keras_jax": "Keras on JAX",
    "pytorch": "PyTorch",
    "flax": "plain Flax",
    "ffmpeg": "ffmpeg",
    "compute": "compute alone",
    "launches": "eight launches",
    "matrix_product": "matrix products alone",
}
PACKAGES = ("jax", "flax", "keras", "tensorflow-cpu", "torch", "av", "imageio-ffmpeg")
HEAD = """# Speed, measured

`make bench` writes this page. Contenders are processes of their own that take turns, lap by lap, each standing
still while another runs. A ratio is the median time of the peer over that of dogjax: above 1, dogjax is faster.
Its interval is a 95 % bootstrap over the rounds. A peer with several modes counts with its fastest.
"""


def write_page(path: pathlib.Path, rows: list[dict]) -> None:
    """Writes the page of all rows."""
    lines = [HEAD, f"On {_machine()}; Python {platform.python_version()}, {_versions()}.\n"]
    lines += [
        "| measure | peer | dogjax | peer's | ratio | interval | wanted |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [_line(row) for row in rows]
    lines += ["", *(f"- `{measure.name}`: {measure.what}." for measure in MEASURES)]
    lines += ["", accelerator_table.section(accelerator_table.FIGURES).rstrip("\n")]
    path.write_text("\n".join(lines) + "\n")


def _line(row: dict) -> str:
    measure = next(measure for measure in MEASURES if measure.name == row["measure"])
    if row["peer"] is None:
        most = measure.wanted[""]
        return f"| {measure.name} | | {_amount(row['ours'], measure.unit)} | | | | at most {most:g} {measure.unit} |"
    low, high = row["interval"]
    wanted = measure.wanted.get(row["peer"])
    cells = [measure.name, PEERS[row["peer"]], _amount(row["ours"], measure.unit), _amount(row["theirs"], measure.unit)]
    cells += [f"**{row['ratio']:.2f}**", f"{low:.2f} to {high:.2f}", "" if wanted is None else f"{wanted:g}"]
    return f"| {' | '.join(cells)} |"


def _amount(value: float, unit: str) -> str:
    return f"{value * 1000:.0f} ms" if unit == "s" and value < 1 else f"{value:.2f} {unit}"


def _machine() -> str:
    names = [line.split(":")[1].strip() for line in _cpu_info() if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {len(os.sched_getaffinity(0))} cores, {sys.platform}"


def _cpu_info() -> list[str]:
    path = pathlib.Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def _versions() -> str:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)
