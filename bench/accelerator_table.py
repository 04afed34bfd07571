"""The last section of `docs/performance.md`: what `bench.accelerator` found, `python -m bench.accelerator_table`."""

import pathlib
import re
from typing import Any

from dogjax.files import read_json, write_text

FOLDER = pathlib.Path(__file__).parent
PAGE, FIGURES = FOLDER.parent / "docs" / "performance.md", FOLDER / "accelerator.json"
HEADING = "## On an accelerator\n"
NOT_MEASURED = """Not measured: no accelerator was at hand yet. To measure one, write the frames to a file where
TensorFlow is, and take it to the accelerator, which needs JAX, Flax, optax, Orbax, ml_collections and scikit-learn, and
PyTorch for its rows:

    python -m bench.accelerator --pack frames.npz
    python -m bench.accelerator frames.npz bench/accelerator.json
    python -m bench.accelerator_table"""
# The contenders of a step, in the order of the columns.
CONTENDERS = ("dogjax", "flax", "pytorch_eager", "pytorch_compiled", "pytorch_deterministic")


def main() -> None:
    before = PAGE.read_text().split(HEADING)[0].rstrip("\n")
    write_text(PAGE, f"{before}\n\n{section(FIGURES)}")


def section(figures: pathlib.Path) -> str:
    """Returns the section, from the file of the figures; without one it says that nothing was measured."""
    if not figures.exists():
        return f"{HEADING}\n{NOT_MEASURED}\n"
    found = read_json(figures)
    parts = [HEADING, _device(found["device"] or {}), _bits(found["rows"]), _steps(found["rows"])]
    parts += [_studies(found["rows"]), *(f"{note}\n" for note in found.get("notes", [])), _rest(found["rows"])]
    return "\n".join(part for part in parts if part)


def _device(device: dict[str, Any]) -> str:
    packages = device.get("packages", {})
    versions = ", ".join(f"{name} {version}" for name, version in packages.items() if version)
    named = ", ".join(device.get("devices", [])) or "an unknown device"
    return f"On {named}; {_driver(device.get('driver'))}; {versions}, PyTorch {device.get('torch')}.\n"


def _driver(line: str | None) -> str:
    version = re.search(r"\d+(\.\d+)+", line or "")
    return f"driver {version[0]}" if version else "no driver named"


def _bits(rows: list[dict]) -> str:
    lines = ["| run of 300 steps | ended | state | seconds | frames a second |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        variant = row["measure"].removeprefix("bits, ")
        if variant == row["measure"] or "state_sha256" not in row:
            continue
        digest = (row["state_sha256"] or "none")[:12]
        lines.append(
            f"| {variant} | {row['status']} | {digest} | {row['seconds']:.1f} | {row['frames_per_second']:.0f} |"
        )
    return "\n".join(lines) + "\n"


def _steps(rows: list[dict]) -> str:
    names = " | ".join(name.replace("_", ", ") for name in CONTENDERS)
    lines = [f"| a step, ms: pixels, frames, type | {names} |", "| --- " * (1 + len(CONTENDERS)) + "|"]
    kinds: dict[tuple, dict[str, str]] = {}
    for row in rows:
        if row["measure"] == "step" and "contender" in row:
            figure = f"{row['milliseconds']:.2f}" if "milliseconds" in row else "failed"
            kinds.setdefault((row["size"], row["frames"], row["dtype"]), {})[row["contender"]] = figure
    for (size, frames, dtype), figures in kinds.items():
        cells = " | ".join(figures.get(name, "") for name in CONTENDERS)
        lines.append(f"| {size}, {frames}, {dtype} | {cells} |")
    return "\n".join(lines) + "\n"


def _studies(rows: list[dict]) -> str:
    lines = [
        "| runs side by side | epochs | steps | first run's state | s | s an epoch's steps of all | MB of the device |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        if "runs" in row:
            of, how = row.get("of", "configs/small.py"), row.get("how", "in turn")
            cells = (
                f"{row['seconds']:.0f}",
                f"{row['epoch_seconds']:.2f}",
                f"{row['peak_device_megabytes']:.0f}" if "peak_device_megabytes" in row else "",
            )
            digest = row["first_state_sha256"][:10]
            lines.append(f"| {row['runs']} of {of} | {row['epochs']} | {how} | {digest} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _rest(rows: list[dict]) -> str:
    lines = [
        f"- A batch of {row['frames']} frames, augmented {row['augmented']}, made on the device: "
        f"{row['milliseconds']:.2f} ms."
        for row in rows
        if "augmented" in row
    ]
    peaks = [row["peak_device_megabytes"] for row in rows if "state_sha256" in row and "peak_device_megabytes" in row]
    lines += [f"- Peak memory of the run of 300 steps: {max(peaks):.0f} MB."] if peaks else []
    lines += [f"- {row['measure']}: {row['failed']}." for row in rows if "failed" in row]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
