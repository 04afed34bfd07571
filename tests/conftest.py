"""Settings that every test runs under: strict shapes, strict key use, eight devices where a test asks."""

import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import hypothesis
import jax
import pytest

from dogjax import runtime
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
def setup(tmp_path_factory: pytest.TempPathFactory) -> Setup:
    """Rendered once a session: a few short videos, and an empty cache beside them."""
    folder = tmp_path_factory.mktemp("world")
    render_videos(folder / "videos")
    return Setup(folder / "videos", folder / "cache")
