"""How the process is set up: freed memory stays in it, and what the user has set is kept."""

import os
import pathlib
import subprocess
import sys

import jax
import pytest

from dogjax import runtime
from dogjax.runtime import ALLOCATOR_VARIABLES, XLA_FLAGS

# Takes, touches and frees 80 MiB three times, in a thread as XLA does; prints the page faults of the last time.
PROGRAM = """
import ctypes, resource, threading
from dogjax import runtime
runtime.start()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
def work():
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        blocks = [libc.malloc(size << 20) for size in (10, 70)]
        ctypes.memset(blocks[0], 1, 10 << 20), ctypes.memset(blocks[1], 1, 70 << 20)
        for block in blocks:
            libc.free(block)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""
# Prints how much of 80 MiB, once touched, lies in huge pages, in kB.
HUGE_PAGES_PROGRAM = """
import ctypes, re
from dogjax import runtime
runtime.start()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
ctypes.memset(libc.malloc(80 << 20), 1, 80 << 20)
print(re.search(r"AnonHugePages: *([0-9]+)", open("/proc/self/smaps_rollup").read())[1])
"""
ROOT = pathlib.Path(__file__).parent.parent
THP = pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled")
PAGES = (80 << 20) // os.sysconf("SC_PAGE_SIZE")


def printed_by(program, **environment):
    inherited = {name: value for name, value in os.environ.items() if name not in ALLOCATOR_VARIABLES}
    environment = inherited | environment
    done = subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_memory_taken_again_is_not_cleared_again():
    assert int(printed_by(PROGRAM)) < PAGES // 100


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_what_the_user_sets_for_the_allocator_is_kept():
    assert int(printed_by(PROGRAM, MALLOC_MMAP_THRESHOLD_="131072")) >= PAGES // 2


@pytest.mark.skipif(not THP.exists() or "[madvise]" not in THP.read_text(), reason="huge pages are not to be asked for")
def test_working_memory_lies_in_huge_pages():
    assert int(printed_by(HUGE_PAGES_PROGRAM)) > 40 << 10


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_a_process_that_may_not_reserve_much_starts_all_the_same():
    program = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
from dogjax import runtime
runtime.start()
print("started")
"""
    assert printed_by(program) == "started"


def test_a_flag_of_xla_s_that_the_user_sets_is_kept():
    program = "from dogjax import runtime; runtime.start(); print(runtime.xla_flags())"
    flags = printed_by(program, XLA_FLAGS="--xla_cpu_prefer_vector_width=256 --xla_force_host_platform_device_count=2")
    assert flags.split() == [
        "--xla_cpu_prefer_vector_width=256",
        "--xla_force_host_platform_device_count=2",
        "--xla_cpu_experimental_ynn_fusion_type=LIBRARY_FUSION_TYPE_REDUCE",
    ]


def test_importing_dogjax_changes_nothing_and_loads_nothing():
    program = """
import os, sys
before = dict(os.environ)
import dogjax
print(dict(os.environ) == before, sorted({"jax", "numpy", "tensorflow", "ctypes"} & set(sys.modules)))
"""
    assert printed_by(program) == "True []"


def test_a_run_refuses_to_start_where_jax_has_started_without_its_flags():
    program = """
import jax
jax.devices()
from dogjax import runtime
from dogjax.errors import UserError
try:
    runtime.start()
except UserError as error:
    print(error)
"""
    environment = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""}
    assert "call dogjax.runtime.start() before the first use of JAX" in printed_by(program, **environment)
    ours = " ".join(f"{name}={value}" for name, value in XLA_FLAGS.items())
    assert printed_by(program, **environment | {"XLA_FLAGS": ours}) == ""


@pytest.mark.parametrize(("given", "platforms"), [("", "cpu"), ("cuda,cpu", "cuda,cpu")])
def test_jax_leaves_the_accelerators_to_others_unless_the_user_said_otherwise(given, platforms):
    program = """
import os, jax
from dogjax import runtime
runtime.start()
runtime.leave_accelerators()
print(jax.config.jax_platforms, os.environ["JAX_PLATFORMS"])
"""
    assert printed_by(program, JAX_PLATFORMS=given) == f"{platforms} {platforms}"


@pytest.mark.parametrize(
    ("platforms", "given", "flags"),
    [
        ("", "", "--xla_gpu_deterministic_ops=true"),
        ("cuda,cpu", "", "--xla_gpu_deterministic_ops=true"),
        ("cpu", "", ""),
        ("", "--xla_gpu_deterministic_ops=false", "--xla_gpu_deterministic_ops=false"),
    ],
)
def test_a_gpu_is_asked_for_deterministic_operations_unless_the_user_said_otherwise(tmp_path, platforms, given, flags):
    (tmp_path / "jax_plugins/xla_cuda13").mkdir(parents=True)
    (tmp_path / "jax_plugins/xla_cuda13/__init__.py").touch()
    program = "from dogjax import runtime; runtime.start(); print(runtime.xla_flags())"
    told = printed_by(program, PYTHONPATH=f"{tmp_path}:{ROOT}", JAX_PLATFORMS=platforms, XLA_FLAGS=given)
    assert " ".join(flag for flag in told.split() if "gpu" in flag) == flags


@pytest.mark.parametrize(
    ("backend", "flags", "said"),
    [
        ("cpu", "", False),
        ("tpu", "", False),
        ("gpu", "", True),
        ("gpu", "--xla_gpu_deterministic_ops=false", True),
        ("gpu", "--xla_gpu_deterministic_ops=true", False),
        ("gpu", "--xla_gpu_deterministic_ops", False),
        ("gpu", "--xla_gpu_deterministic_ops=false --xla_gpu_exclude_nondeterministic_ops=true", False),
    ],
)
def test_a_run_that_may_not_repeat_on_a_gpu_says_so(monkeypatch, backend, flags, said):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    monkeypatch.setattr(runtime, "_in_force", [flags])
    assert (runtime.doubt_of_determinism() is not None) == said


def test_gpus_are_counted_without_taking_one(tmp_path, monkeypatch):
    for name in ("nvidia0", "nvidia1", "nvidia10", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    monkeypatch.setattr(runtime, "DEVICES", tmp_path)
    assert runtime.gpus() == []  # no plugin of JAX's
    monkeypatch.setattr(runtime, "may_use_a_gpu", lambda: True)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert runtime.gpus() == ["0", "1", "10"]
    for named, found in (("2, 5", ["2", "5"]), ("GPU-8932f937,GPU-1", ["GPU-8932f937", "GPU-1"]), ("", [])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
        assert runtime.gpus() == found
