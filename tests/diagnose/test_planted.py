"""A small part of `make bench-diagnosis`: runs in which one thing was made wrong, and the verdict names it first."""

import pytest

from bench.planted import PLANTS, first_cause

SEED = 100  # none of those that set the thresholds
FEW = (None, "batch_norm_statistics", "background_confound")


@pytest.mark.parametrize("plant", [plant for plant in PLANTS if plant.cause in FEW], ids=lambda plant: str(plant.cause))
def test_what_was_planted_is_named_first(plant, tmp_path):
    assert first_cause(plant, SEED, tmp_path)[:1] == ([] if plant.cause is None else [plant.cause])
