"""A small part of `make bench-diagnosis`: runs in which one thing was made wrong, and the verdict names it first."""

import pytest

from bench.planted import PLANTS, first_cause
from dogjax.world import film

SEED = 100  # none of those that set the thresholds
FEW = (None, "batch_norm_statistics", "background_confound")


@pytest.fixture(autouse=True, scope="module")
def _few_frames(tmp_path_factory):
    """The world is filmed at a frame a second: these runs take half of that, and drawing it is most of their time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(film, "FPS", 1)
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("slow")))
        yield


@pytest.mark.parametrize("plant", [plant for plant in PLANTS if plant.cause in FEW], ids=lambda plant: str(plant.cause))
def test_what_was_planted_is_named_first(plant, tmp_path):
    assert first_cause(plant, SEED, tmp_path)[:1] == ([] if plant.cause is None else [plant.cause])
