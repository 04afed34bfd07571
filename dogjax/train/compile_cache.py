"""Compiled programs kept on disk, so that a second start does not compile again."""

import hashlib
import os
import pathlib
import platform

import jax

CPU_INFO = pathlib.Path("/proc/cpuinfo")


def keep_compiled_programs(cache: pathlib.Path) -> None:
    """Keeps what JAX compiles from here on in `cache`, unless the user has named a folder of JAX's own.

    A program compiled for one processor's instructions may not run on another: each kind has a folder.
    """
    if os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        return
    folder = cache / "compiled" / _processor()
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # Small programs too: there are dozens of them, and reading one is faster than compiling it.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _processor() -> str:
    """A name for the instructions that this machine's processor knows."""
    lines = CPU_INFO.read_text().splitlines() if CPU_INFO.exists() else []
    features = next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
    return hashlib.sha256(f"{platform.machine()} {features}".encode()).hexdigest()[:16]
