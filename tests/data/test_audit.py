"""The audit says what a split leaks, and what cannot be estimated from it."""

import re

import pytest

from dogjax.config import SplitConfig
from dogjax.data.audit import audit_split
from dogjax.data.splits import split_frames
from dogjax.prng import Streams
from tests.data.tables import make_table


def warnings(table, **split):
    config = SplitConfig(**split)
    return audit_split(table, split_frames(table, config, Streams(0)), config)["warnings"]


@pytest.mark.parametrize(
    ("fps", "numbers"),
    [
        (1.0, r"100% .* within 2 s .* \(median 1 s to the nearest training frame\)"),
        (0.2, r"0% .* within 2 s .* \(median 5 s to the nearest training frame\)"),
    ],
)
def test_a_split_by_frames_is_called_leaky_at_every_frame_rate_with_its_numbers(fps, numbers):
    table = make_table([(dog, f"{dog}/a", "", 80) for dog in ("ash", "bea", "cole")], fps)
    (leaky,) = [each for each in warnings(table, strategy="frame") if each.startswith("The split is leaky")]
    assert "3 recordings are on both sides" in leaky and "split.strategy=block, recording or background" in leaky
    assert re.search(numbers, leaky), leaky
