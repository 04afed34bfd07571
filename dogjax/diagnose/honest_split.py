"""A split of the same frames that does not leak. Each is tried before it is offered: data may not allow it."""

from typing import Any

from dogjax.config import Config, replace_fields
from dogjax.data.audit import NEAR_SECONDS, audit_split
from dogjax.data.splits import Split, split_frames
from dogjax.data.table import FrameTable
from dogjax.diagnose.thresholds import LEAKY_SHARE
from dogjax.errors import UserError
from dogjax.prng import Streams

# First what says most of another day.
WITHOUT_BLOCKS: dict[str, Any] = {"split.block_seconds": None, "split.gap_seconds": None}
BY_BACKGROUND = {"split.strategy": "background"} | WITHOUT_BLOCKS
CANDIDATES: tuple[dict[str, Any], ...] = (
    BY_BACKGROUND,
    {"split.strategy": "recording"} | WITHOUT_BLOCKS,
    {"split.strategy": "block"} | WITHOUT_BLOCKS,
    {"split.strategy": "block", "split.block_seconds": None, "split.gap_seconds": NEAR_SECONDS + 0.5},
)


def leaky_share(audit: dict[str, Any]) -> float | None:
    """The share of the validation frames that lie near a training frame; None where the split does not leak."""
    share = audit["nearest_training_frame"]["share_within_2_seconds"]
    return None if share is None or share < LEAKY_SHARE else share


def find_honest_split(table: FrameTable, config: Config, streams: Streams) -> dict[str, Any] | None:
    """The first of `CANDIDATES` that the frames allow and that does not leak; None where there is none.

    Returns:
      Fields of the configuration, and the values that they should have.
    """
    for fields in CANDIDATES:
        other = replace_fields(config, fields)
        split = split_if_allowed(table, other, streams)
        if split is not None and leaky_share(audit_split(table, split, other.split)) is None:
            return changed_fields(config, fields)
    return None


def changed_fields(config: Config, fields: dict[str, Any]) -> dict[str, Any]:
    """Returns those of some fields of the split that have another value in `config`."""
    return {name: value for name, value in fields.items() if value != getattr(config.split, name.split(".")[1])}


def split_if_allowed(table: FrameTable, config: Config, streams: Streams) -> Split | None:
    """The split that the configuration asks for; None where the frames do not allow it."""
    try:
        return split_frames(table, config.split, streams)
    except UserError:
        return None
