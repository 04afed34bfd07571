"""The audit says what a split leaks, and what cannot be estimated from it."""

import re

import numpy as np
import pytest

from dogjax.config import SplitConfig
from dogjax.data.audit import audit_split, lacking_groups
from dogjax.data.splits import split_frames
from dogjax.eval.intervals import group_frames, too_few_groups
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


@pytest.mark.parametrize(
    ("recordings", "enough"),
    [
        ({"ash": 4, "bea": 4, "cole": 4}, False),  # two of each dog in validation: three to spare
        ({"ash": 4, "bea": 6, "cole": 4}, True),  # seven, four to spare
        ({"ash": 10, "bea": 2, "cole": 2}, False),  # seven, but one of a dog
        ({"ash": 8, "bea": 4}, True),
    ],
)
def test_recordings_are_too_few_where_the_evaluation_gives_no_interval_over_them(recordings, enough):
    clips = [(dog, number) for dog, count in recordings.items() for number in range(count)]
    table = make_table([(dog, f"{dog}/{number}", f"place{number}", 20) for dog, number in clips])
    config = SplitConfig(strategy="recording", folds=2)
    split = split_frames(table, config, Streams(0))
    held_out = table.take(split.validation)
    groups = group_frames(held_out.label, held_out.recording, held_out.time, held_out.label_names)
    assert (groups.unit == "recording" and too_few_groups(groups) is None) == enough
    told = [each for each in warnings(table, strategy="recording", folds=2) if "too few recordings" in each]
    assert len(told) == (0 if enough else 1)


def test_what_groups_are_lacking_is_told_in_numbers():
    assert (
        lacking_groups(np.array([2, 2, 2])) == "6 of 3 classes, 2 of one of them; it takes 2 of each class and 7 in all"
    )
    assert lacking_groups(np.array([3, 0, 3])) is None
    assert (
        lacking_groups(np.array([9, 1])) == "10 of 2 classes, 1 of one of them; it takes 2 of each class and 6 in all"
    )
