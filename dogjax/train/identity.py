"""What a run's bits depend on. Two runs of one identity end with the same bits."""

import importlib.metadata
import os
import pathlib
import platform
from typing import Any

import jax

from dogjax.config import OPERATIONAL_FIELDS, Config, flatten, to_dict
from dogjax.files import sha256_of_json

PACKAGES = (
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "numpy",
    "scikit-learn",
    "scipy",
    "tensorflow-cpu",
    "tensorflow-datasets",
    "av",
)


def environment(replica_width: int) -> dict[str, Any]:
    """Versions, backend, devices, CPU, flags and width: what law 4 counts besides the configuration.

    Args:
      replica_width: runs whose steps are one function; 1 for a run alone, and on a CPU.
    """
    return {
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "backend": jax.default_backend(),
        "devices": [device.device_kind for device in jax.local_devices()],
        "cpu": _cpu_model(),
        # On a CPU one core more or less changes the order of sums.
        "cpu_threads": len(os.sched_getaffinity(0)),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "matmul_precision": str(jax.config.jax_default_matmul_precision),
        "threefry_partitionable": jax.config.jax_threefry_partitionable,
        "x64": jax.config.jax_enable_x64,
        "replica_width": replica_width,
    }


def make_identity(
    config: Config, fingerprint: str, split_sha256: str, segments: list[dict[str, Any]]
) -> dict[str, Any]:
    """The identity of a run and its hash.

    Args:
      config: of the run; fields that cannot change a bit of it are left out.
      fingerprint: of the data.
      split_sha256: of the frame ids on both sides.
      segments: `{"from_step", "environment"}` for each environment that the run has been trained in.
    """
    values = {name: value for name, value in flatten(to_dict(config)) if not name.startswith("study.")}
    fields = {name: value for name, value in values.items() if name not in OPERATIONAL_FIELDS}
    parts = {"config": fields, "data": fingerprint, "split": split_sha256, "segments": segments}
    return {"sha256": sha256_of_json(parts), "data": fingerprint, "split": split_sha256, "segments": segments}


def extend_segments(
    segments: list[dict[str, Any]], step: int, replica_width: int
) -> tuple[list[dict[str, Any]], list[str]]:
    """Adds the present environment, with `replica_width`, from `step` on, if it differs from the last one.

    Returns:
      The segments, and the names of what changed.
    """
    now = environment(replica_width)
    if not segments:
        return [{"from_step": step, "environment": now}], []
    before = dict(flatten(segments[-1]["environment"]))
    changed = [name for name, value in flatten(now) if before.get(name) != value]
    return ([*segments, {"from_step": step, "environment": now}] if changed else segments), changed


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cpu_model() -> str:
    info = pathlib.Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
