"""How the process is set up, before JAX starts: XLA's flags, and the C library's allocator.

Called where the package is imported, so that every way into it computes the same bits.
"""

import ctypes
import os

# On a CPU. The library YNN adds up well and multiplies no better than XLA's own products (Eigen), which it would
# replace; and XLA's loops use half of the lanes of a processor with AVX-512 unless told otherwise.
XLA_FLAGS = {
    "--xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_REDUCE",
    "--xla_cpu_prefer_vector_width": "512",
}
# Parameters of mallopt(3), from glibc's malloc.h.
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4
M_ARENA_MAX = -8
ALLOCATOR_VARIABLES = (
    "MALLOC_ARENA_MAX",
    "MALLOC_MMAP_MAX_",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
    "GLIBC_TUNABLES",
)


def set_xla_flags() -> None:
    """Adds to the environment's `XLA_FLAGS` those that it does not name; too late once JAX has started."""
    given = os.environ.get("XLA_FLAGS", "").split()
    named = {flag.split("=")[0] for flag in given}
    ours = [f"{name}={value}" for name, value in XLA_FLAGS.items() if name not in named]
    os.environ["XLA_FLAGS"] = " ".join(given + ours)


def keep_freed_memory() -> None:
    """Keeps freed memory in the process: all blocks come from one heap, which does not shrink.

    XLA takes the working memory of every step anew: some hundred megabytes, which glibc maps and gives back to the
    system each time. The system then clears each page once more when it is first touched, which can cost a third of
    a step. A heap of a thread's own would still be given back whenever it is empty, and holds no block over 64 MiB.

    Does nothing where an environment variable sets the allocator already, or where the C library is not glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or any(name in os.environ for name in ALLOCATOR_VARIABLES):
        return
    mallopt(M_ARENA_MAX, 1)
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, -1)
