"""A split is offered where the frames allow it, and only where its sides are apart."""

import pytest

from dogjax.config import Config, replace_fields
from dogjax.data.audit import audit_split
from dogjax.data.splits import split_frames
from dogjax.diagnose.honest_split import find_honest_split, leaky_share
from dogjax.prng import Streams
from tests.data.tables import make_table, three_dogs

STREAMS = Streams(0)
DOGS = ("ash", "bea", "cole")


def in_one_place(recordings, frames):
    return make_table([(dog, f"{dog}/{take}", "", frames) for dog in DOGS for take in range(recordings)])


def phone_clips(seconds):
    """A recording of each dog, ten frames a second."""
    return make_table([(dog, dog, "", seconds * 10) for dog in DOGS], fps=10)


def config(**split):
    return replace_fields(Config(), {f"split.{name}": value for name, value in split.items()})


@pytest.mark.parametrize(
    ("table", "used", "offered"),
    [
        (three_dogs(), {"strategy": "frame"}, {"split.strategy": "background"}),
        (in_one_place(4, 50), {"strategy": "frame"}, {"split.strategy": "recording"}),
        (in_one_place(1, 200), {"strategy": "frame"}, {"split.strategy": "block"}),
        # Blocks of 1.5 s, and a gap of .4 s, hardly part frames a tenth of a second apart.
        (
            phone_clips(10),
            {"strategy": "block", "block_seconds": 1.5, "gap_seconds": 0.4},
            {"split.block_seconds": None, "split.gap_seconds": 2.5},
        ),
        (phone_clips(3), {"strategy": "block"}, None),
    ],
)
def test_the_first_split_that_the_frames_allow_is_offered(table, used, offered):
    assert find_honest_split(table, config(**used), STREAMS) == offered


def test_what_is_offered_does_not_leak():
    table, used = phone_clips(10), config(strategy="block", block_seconds=1.5, gap_seconds=0.4)
    fixed = replace_fields(used, find_honest_split(table, used, STREAMS) or {})
    leaks = [leaky_share(audit_split(table, split_frames(table, c.split, STREAMS), c.split)) for c in (used, fixed)]
    assert leaks[0] > 0.9 and leaks[1] is None
