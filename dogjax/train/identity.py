"""The identity of a run: all that its bits depend on. Two runs of one identity end with the same bits.

It covers the configuration, the data, the split, and the environment of every step, which `environment` lists.
"""

import ast
import functools
import hashlib
import importlib.metadata
import os
import pathlib
import platform
from typing import Any

import jax

from dogjax import runtime
from dogjax.config import OPERATIONAL_FIELDS, Config, flatten, to_dict
from dogjax.files import sha256_of_json

# Packages that compute or load something of a run, by the names under which they are distributed.
PACKAGES = (
    ("jax",),
    ("jaxlib",),
    ("flax",),
    ("optax",),
    ("orbax-checkpoint",),
    ("numpy",),
    ("scikit-learn",),
    ("scipy",),
    ("tensorflow", "tensorflow-cpu", "tensorflow-intel", "tf-nightly", "tf-nightly-cpu"),
    ("tensorflow-datasets",),
    ("av",),
)
# Those of an accelerator, listed where they are installed.
ACCELERATOR_PACKAGES = (
    *("jax-cuda12-plugin", "jax-cuda13-plugin", "nvidia-cudnn-cu12", "nvidia-cudnn-cu13"),
    *("nvidia-cublas-cu12", "nvidia-cublas", "jax-rocm7-plugin", "libtpu"),
)
# Variables that change what JAX, XLA or TensorFlow compute.
VARIABLES = ("LIBTPU_INIT_ARGS", "NPROC", "NVIDIA_TF32_OVERRIDE", "TF_ENABLE_ONEDNN_OPTS", "TF_XLA_FLAGS")
# Folders of dogjax that a run does not pass through: what they hold cannot change a bit of it.
AFTER_DIAGNOSIS = ("report", "study")
OUTSIDE_A_RUN = ("diagnose", *AFTER_DIAGNOSIS)

CPU_INFO = pathlib.Path("/proc/cpuinfo")
NVIDIA_DRIVER = pathlib.Path("/proc/driver/nvidia/version")


def environment(batches: str) -> dict[str, Any]:
    """Describes what the bits depend on besides the configuration and the data.

    Args:
      batches: the kind of the source of batches, such as `tf.data`.
    """
    device = jax.local_devices()[0]
    return {
        "code": code_sha256(),
        "python": platform.python_version(),
        "packages": {names[0]: _version(names) for names in PACKAGES}
        | {name: version for name in ACCELERATOR_PACKAGES if (version := _version((name,)))},
        "batches": batches,
        "backend": jax.default_backend(),
        "platform_version": device.client.platform_version,
        "driver": NVIDIA_DRIVER.read_text().splitlines()[0] if NVIDIA_DRIVER.exists() else None,
        "devices": [device.device_kind for device in jax.devices()],
        "processes": jax.process_count(),
        "cpu": _cpu_line("model name") or platform.processor(),
        # On a CPU one core more or less changes the order of sums.
        "cpu_threads": len(os.sched_getaffinity(0)),
        "xla_flags": runtime.xla_flags(),
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "matmul_precision": str(jax.config.jax_default_matmul_precision),
        "threefry_partitionable": jax.config.jax_threefry_partitionable,
        "x64": jax.config.jax_enable_x64,
    }


@functools.cache
def code_sha256(
    package: pathlib.Path = pathlib.Path(__file__).parent.parent, without: tuple[str, ...] = OUTSIDE_A_RUN
) -> str:
    """Hashes the code of dogjax that a run passes through, or another part of it.

    The hash is over syntax trees without their docstrings: another comment or another line break is the same code.

    Args:
      package: the folder `dogjax`.
      without: folders of it that are left out.
    """
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package)
        if name.parts[0] in without:
            continue
        tree = ast.parse(path.read_bytes())
        for node in ast.walk(tree):
            documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            if documented and ast.get_docstring(node, clean=False) is not None:
                del node.body[0]
        digest.update(f"{name.as_posix()}\n{ast.dump(tree)}\n".encode())
    return digest.hexdigest()


def make_identity(
    config: Config, fingerprint: str, split_sha256: str, segments: list[dict[str, Any]]
) -> dict[str, Any]:
    """Makes the identity of a run, with its hash.

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
    segments: list[dict[str, Any]], step: int, now: dict[str, Any]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Adds the environment `now` from `step` on, if it differs from the last one.

    Returns:
      The segments, and the names of what changed.
    """
    if not segments:
        return [{"from_step": step, "environment": now}], []
    before, after = (dict(flatten(values)) for values in (segments[-1]["environment"], now))
    changed = [name for name in {**after, **before} if before.get(name) != after.get(name)]
    return ([*segments, {"from_step": step, "environment": now}] if changed else segments), changed


def keep_compiled_programs(cache: pathlib.Path) -> None:
    """Keeps what JAX compiles from here on in `cache`, unless the user has named a folder of JAX's own.

    A second start then compiles nothing. A program compiled for one processor's instructions may not run on another, so
    each kind has a folder.
    """
    if os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        return
    features = _cpu_line("flags") or _cpu_line("Features") or platform.processor()
    processor = hashlib.sha256(f"{platform.machine()} {features}".encode()).hexdigest()[:16]
    jax.config.update("jax_compilation_cache_dir", str(cache / "compiled" / processor))
    # Small programs too: there are dozens of them, and reading one is faster than compiling it.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@functools.cache  # an environment is described every epoch
def _version(names: tuple[str, ...]) -> str | None:
    """Returns the version of the first distribution that is installed."""
    for name in names:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def _cpu_line(field: str) -> str:
    """Returns a field of the first processor in `/proc/cpuinfo`; empty where there is no such field or file."""
    lines = CPU_INFO.read_text().splitlines() if CPU_INFO.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(field)), "")
