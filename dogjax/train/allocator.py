"""The C library's allocator, told to keep what it will need again a step later.

XLA takes the working memory of every step anew: some hundred megabytes, which glibc maps and gives back to
the system each time. The system then clears each page once more when it is first touched, which can cost a
third of a step on a CPU.
"""

import ctypes
import os

# Parameters of mallopt(3), from glibc's malloc.h.
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4
VARIABLES = ("MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed_memory() -> None:
    """Keeps freed memory in the process: large blocks come from the heap, and the heap does not shrink.

    Does nothing where an environment variable sets the allocator already, or where the C library is not glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or any(name in os.environ for name in VARIABLES):
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, -1)
