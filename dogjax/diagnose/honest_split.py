"""A split of the same frames that does not leak. Each is tried before it is offered: data may not allow it."""

from typing import Any

from dogjax.config import Config, replace_fields
from dogjax.data.audit import NEAR_SECONDS, audit_split
from dogjax.data.frames import FrameTable
from dogjax.data.splits import Split, split_frames
from dogjax.errors import UserError
from dogjax.prng import Streams

# A split leaks where so many validation frames lie within `NEAR_SECONDS` of a training frame.
LEAKY_SHARE = 0.5
# First what says most of another day.
CANDIDATES: tuple[dict[str, Any], ...] = (
    {"split.strategy": "background"},
    {"split.strategy": "recording"},
    {"split.strategy": "block", "split.block_seconds": None, "split.gap_seconds": None},
    {"split.strategy": "block", "split.block_seconds": None, "split.gap_seconds": NEAR_SECONDS + 0.5},
)


def leaky_share(audit: dict[str, Any]) -> float | None:
    """The share of the validation frames that lie near a training frame; null where the split does not leak."""
    share = audit["nearest_training_frame"]["share_within_2_seconds"]
    return None if share is None or share < LEAKY_SHARE else share


def find_honest_split(table: FrameTable, config: Config, streams: Streams) -> dict[str, Any] | None:
    """The first of `CANDIDATES` that the frames allow and that does not leak; null where there is none.

    Returns:
      Fields of the configuration, and the values that they should have.
    """
    for fields in CANDIDATES:
        other = replace_fields(config, fields)
        split = split_if_allowed(table, other, streams)
        if split is not None and leaky_share(audit_split(table, split, other.split)) is None:
            return {name: value for name, value in fields.items() if value != getattr(config.split, name.split(".")[1])}
    return None


def split_if_allowed(table: FrameTable, config: Config, streams: Streams) -> Split | None:
    """The split that the configuration asks for; null where the frames do not allow it."""
    try:
        return split_frames(table, config.split, streams)
    except UserError:
        return None
