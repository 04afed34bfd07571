"""Settings that every test runs under: strict shapes, strict key use, eight devices where a test asks."""

import fcntl
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import hypothesis
import jax
import pytest

from dogjax import runtime
from dogjax.train.identity import keep_compiled_programs
from tests.train.runs import Setup, render_videos

runtime.start()
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.load_profile("same")
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_debug_key_reuse", True)

ROOT = pathlib.Path(__file__).parent.parent


@pytest.fixture
def real_clips() -> pathlib.Path:
    """Real phone clips that lie beside a developer's checkout, and nowhere else."""
    folder = ROOT.parent / "shared" / "data" / "cop3d_dogs"
    if not folder.exists():
        pytest.skip("the real clips are not here")
    return folder


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder of this session, the same one in every worker."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session", autouse=True)
def _no_cache_of_the_user_s(shared: pathlib.Path) -> None:
    """Nothing that a test prepares or compiles is kept in the user's own cache, nor read from there."""
    os.environ["XDG_CACHE_HOME"] = str(shared / "home")
    keep_compiled_programs(shared / "cache")


@pytest.fixture(scope="session")
def setup(shared: pathlib.Path) -> Setup:
    """Rendered once a session: a few short videos, and a cache that all tests fill."""
    with (shared / "videos.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "videos").exists():
            render_videos(shared / "rendered")
            (shared / "rendered").rename(shared / "videos")
    return Setup(shared / "videos", shared / "cache")
