"""Sets up the process of a run before JAX starts: XLA's flags, and the C library's allocator.

`start()` is called where a run begins, so that every way into it computes the same bits. Importing dogjax changes
nothing.
"""

import ctypes
import importlib.util
import os
import pathlib
import pkgutil
import sys

from dogjax.errors import UserError

# On a CPU. The library YNN adds up well and multiplies no better than XLA's own products (Eigen), which it would
# replace; and XLA's loops use half of the lanes of a processor with AVX-512 unless told otherwise.
XLA_FLAGS = {
    "--xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_REDUCE",
    "--xla_cpu_prefer_vector_width": "512",
}
# On a GPU. Convolutions and sums then take one algorithm, not the one that a timing happened to favour, and XLA refuses
# to compile what has no deterministic form (openxla.org, "Determinism"). A TPU computes the same bits each time anyway.
GPU_FLAGS = {"--xla_gpu_deterministic_ops": "true"}
# Of these, one that is true makes a GPU's operations deterministic.
DETERMINISTIC_FLAGS = ("--xla_gpu_deterministic_ops", "--xla_gpu_exclude_nondeterministic_ops")
# Where Linux has a file for each device.
DEVICES = pathlib.Path("/dev")
# Parameters of mallopt(3), from glibc's malloc.h.
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4
M_ARENA_MAX = -8
# Parameter of madvise(2), from Linux's mman-common.h.
MADV_HUGEPAGE = 14
HUGE_PAGE = 2 * 2**20
# The working memory of a step of 64 frames of 128 x 128 pixels.
RESERVED = 2 * 2**30
ALLOCATOR_VARIABLES = (
    "MALLOC_ARENA_MAX",
    "MALLOC_MMAP_MAX_",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
    "GLIBC_TUNABLES",
)


# What XLA was given, once `start` ran.
_in_force: list[str] = []


def start() -> None:
    """Sets XLA's flags and the allocator for a run; further calls do nothing.

    Flags that the environment's `XLA_FLAGS` names stay as they are.

    Raises:
      UserError: JAX has started already, without these flags: the run's bits would not be those of its identity.
    """
    if _in_force:
        return
    given = os.environ.get("XLA_FLAGS", "").split()
    wanted = _with_ours(given)
    if _jax_has_started() and wanted != given:
        raise UserError(
            "JAX has started before dogjax could set its flags; call dogjax.runtime.start() before the first use of "
            f"JAX, or set XLA_FLAGS='{' '.join(wanted)}' before the process starts"
        )
    os.environ["XLA_FLAGS"] = " ".join(wanted)
    _in_force.append(" ".join(wanted))
    _keep_freed_memory()


def xla_flags() -> str:
    """Returns the flags that XLA was given, those of the environment first; `start` must have run."""
    return _in_force[0]


def on_accelerator() -> bool:
    """Whether JAX computes on a GPU or TPU. Every choice between a CPU's way and an accelerator's asks here."""
    import jax

    return jax.default_backend() != "cpu"


def doubt_of_determinism() -> str | None:
    """Returns a sentence where two equal runs may end with other bits; None where the device is deterministic."""
    import jax

    if jax.default_backend() != "gpu":
        return None
    given = [flag.partition("=") for flag in xla_flags().split()]
    values = {name: value for name, _, value in given}  # of a flag given twice the last counts
    if any(values.get(name) in ("", "1", "true", "True") for name in DETERMINISTIC_FLAGS):
        return None
    return (
        "this run asks the GPU for no deterministic operations, so another run of it may end with other bits; leave "
        "--xla_gpu_deterministic_ops out of XLA_FLAGS, and dogjax sets it"
    )


def leave_accelerators() -> None:
    """Makes JAX compute on the CPU, unless `JAX_PLATFORMS` says where; to be called before JAX starts.

    A process that trains holds its TPU alone, and most of its GPU's memory.
    """
    import jax

    if not os.environ.get("JAX_PLATFORMS"):
        os.environ["JAX_PLATFORMS"] = "cpu"  # for processes that this one starts: JAX has read it already
        jax.config.update("jax_platforms", "cpu")


def may_use_a_gpu() -> bool:
    """Whether a plugin of JAX for GPUs is installed, and the environment does not name other platforms alone.

    JAX itself cannot be asked: it reads its flags when it looks for devices.
    """
    platforms = os.environ.get("JAX_PLATFORMS", "").lower()
    if platforms and not any(name in platforms for name in ("cuda", "gpu", "rocm")):
        return False
    plugins = importlib.util.find_spec("jax_plugins")
    folders = (plugins.submodule_search_locations or []) if plugins else []
    return any(name.startswith(("xla_cuda", "xla_rocm")) for _, name, _ in pkgutil.iter_modules(list(folders)))


def gpus() -> list[str]:
    """Returns the NVIDIA GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them; takes none of them."""
    if not may_use_a_gpu():
        return []
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip()]
    found = [path.name.removeprefix("nvidia") for path in DEVICES.glob("nvidia*")]
    return sorted(filter(str.isdecimal, found), key=int)


def _with_ours(given: list[str]) -> list[str]:
    named = {flag.split("=")[0] for flag in given}
    ours = XLA_FLAGS | (GPU_FLAGS if may_use_a_gpu() else {})
    return given + [f"{name}={value}" for name, value in ours.items() if name not in named]


def _jax_has_started() -> bool:
    """Whether JAX has made its devices, when it reads the flags; without importing JAX."""
    bridge = sys.modules.get("jax._src.xla_bridge")
    return bridge is not None and bridge.backends_are_initialized()


def _keep_freed_memory() -> None:
    """Keeps freed memory in the process: all blocks come from one heap, which does not shrink.

    XLA takes the working memory of every step anew: some hundred megabytes, which glibc maps and gives back to the
    system each time. The system then clears each page once more when it is first touched, which can cost a third of
    a step. A heap of a thread's own would still be given back whenever it is empty, and holds no block over 64 MiB.

    Does nothing where an environment variable sets the allocator already, or where the C library is not glibc.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt") or any(name in os.environ for name in ALLOCATOR_VARIABLES):
        return
    libc.mallopt(M_ARENA_MAX, 1)
    libc.mallopt(M_MMAP_MAX, 0)
    libc.mallopt(M_TRIM_THRESHOLD, -1)
    _use_huge_pages(libc)


def _use_huge_pages(libc: ctypes.CDLL) -> None:
    """Lets the heap's first addresses have pages of 2 MiB: the processor finds each faster, 3 to 4 % of a step.

    Two gibibytes of addresses are taken and given back to the heap, which keeps them, so that later blocks come to lie
    there; none is touched, so none takes memory yet. The system may have no such pages, or not so many addresses: then
    nothing has changed.
    """
    malloc = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_size_t)(("malloc", libc))
    free = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(("free", libc))
    madvise = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)(("madvise", libc))
    if start := malloc(RESERVED):
        first = -(-start // HUGE_PAGE) * HUGE_PAGE
        madvise(first, (start + RESERVED - first) // HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE)
        free(start)
