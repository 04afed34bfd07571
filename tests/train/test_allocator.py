"""Freed memory stays in the process, so that the next step need not have it cleared again."""

import os
import subprocess
import sys

import pytest

# Takes, touches and frees 64 MiB three times; prints the page faults of the last time.
PROGRAM = """
import ctypes, resource, sys
from dogjax.train.allocator import keep_freed_memory
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
keep_freed_memory()
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = libc.malloc(1 << 26)
    ctypes.memset(block, 1, 1 << 26)
    libc.free(block)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
PAGES = (1 << 26) // os.sysconf("SC_PAGE_SIZE")


def faults(**environment):
    environment = os.environ | environment
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True, capture_output=True, text=True)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_memory_taken_again_is_not_cleared_again():
    assert faults() < PAGES // 100


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_what_the_user_sets_for_the_allocator_is_kept():
    assert faults(MALLOC_MMAP_THRESHOLD_="131072") >= PAGES // 2
