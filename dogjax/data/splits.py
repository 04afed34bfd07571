"""Decides which frames train and which validate: folds over frames, time blocks, recordings or other groups.

Frames of one recording a second apart are near-duplicates, so a random split of frames measures
memory. The other strategies keep whole groups on one side. A split that would take a class out of
training is refused, with the reason.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from dogjax.checks import STRATEGIES
from dogjax.config import SplitConfig
from dogjax.data.table import FrameTable
from dogjax.data.thinning import thin
from dogjax.errors import UserError
from dogjax.files import sha256_of_json
from dogjax.prng import Streams
from dogjax.strict import nearest_name

LONGEST_BLOCK_SECONDS = 30.0
LONGEST_GAP_SECONDS = 5.0


@dataclasses.dataclass(frozen=True)
class Split:
    """Frame numbers (int64, ascending) of both sides, and the group of every frame of the table.

    `block_seconds` and `gap_seconds` are those in force; None unless the strategy is `block`. `purged` counts the
    frames on neither side: within the gap, or of a one-sided label whose group is on the other side. Frames that
    `train_fraction`, `train_recordings` or `class_shares` drop are not counted.
    """

    train: np.ndarray
    validation: np.ndarray
    groups: np.ndarray
    block_seconds: float | None
    gap_seconds: float | None
    purged: int

    def sha256(self, table: FrameTable) -> str:
        """Hashes the frame ids of both sides."""
        return sha256_of_json({"train": table.ids(self.train), "validation": table.ids(self.validation)})


def split_frames(table: FrameTable, config: SplitConfig, streams: Streams) -> Split:
    """Splits the frames; stream `split` draws the folds.

    Labels in `train_only` train with all their frames and those in `validation_only` validate with
    all of theirs, but for frames whose group is on the other side.

    Raises:
      UserError: the strategy has no groups to keep apart, or a class has too few of them.
    """
    _check_labels(table, config)
    _check_named(table, config)
    block_seconds, gap_seconds = _block_and_gap(table, config)
    groups = _groups(table, config, block_seconds)
    train_only = np.isin(table.label, _labels(table, config.train_only))
    validation_only = np.isin(table.label, _labels(table, config.validation_only))
    both_sides = np.flatnonzero(~(train_only | validation_only))
    _check_groups(table, config, groups, both_sides)

    folds = _folds(table, config, groups, both_sides, streams)
    in_validation = np.zeros(len(table), bool)
    in_validation[both_sides[folds == config.fold]] = True
    in_train = np.zeros(len(table), bool)
    in_train[both_sides[folds != config.fold]] = True
    in_train |= train_only & ~np.isin(groups, groups[in_validation])
    in_validation |= validation_only & ~np.isin(groups, groups[in_train])
    if gap_seconds:
        in_train &= ~_within_gap(table, in_validation, gap_seconds)

    train = thin(table, np.flatnonzero(in_train), config, streams)
    purged = int(np.count_nonzero(~(in_train | in_validation)))
    split = Split(train, np.flatnonzero(in_validation), groups, block_seconds, gap_seconds, purged)
    _check_sides(table, config, split)
    return split


def _check_labels(table: FrameTable, config: SplitConfig) -> None:
    for field in ("train_only", "validation_only"):
        for name in getattr(config, field):
            if name not in table.label_names:
                raise UserError(f"split.{field}: no label '{name}'; the labels are {', '.join(table.label_names)}")
    for name, _ in config.class_shares:
        if name not in table.label_names:
            raise UserError(f"split.class_shares: no label '{name}'; the labels are {', '.join(table.label_names)}")
    if len(table.label_names) - len(set(config.validation_only)) < 2:
        raise UserError(
            f"split.validation_only={config.validation_only}: fewer than two classes would be trained on, and nothing "
            "to tell apart; leave two of them"
        )


def _labels(table: FrameTable, names: tuple[str, ...]) -> list[int]:
    return [table.label_names.index(name) for name in names]


def _block_and_gap(table: FrameTable, config: SplitConfig) -> tuple[float | None, float | None]:
    if config.strategy != "block":
        return None, None
    block = config.block_seconds
    if block is None:
        # One block a fold of the class with the least video, so that every class can be on both sides;
        # a thousandth more, so that the last frame does not begin a block of its own.
        one_side = {*config.train_only, *config.validation_only}
        split = [label for label, name in enumerate(table.label_names) if name not in one_side]
        if not split:
            raise UserError("split.train_only and split.validation_only name every label; leave one to be split")
        seconds = _seconds_by_label(table)
        shortest = min(split, key=lambda label: seconds[label])
        if not seconds[shortest]:
            raise UserError(
                f"split.strategy='block': class '{table.label_names[shortest]}' has one frame a recording, and no "
                "time to divide; use a larger data.fps, or another strategy"
            )
        block = min(LONGEST_BLOCK_SECONDS, 1.001 * seconds[shortest] / config.folds)
    gap = config.gap_seconds
    return block, min(LONGEST_GAP_SECONDS, block / 4) if gap is None else gap


def _seconds_by_label(table: FrameTable) -> list[float]:
    """Returns the seconds of video of each class: the spans of its recordings, added up."""
    seconds = []
    for label in range(len(table.label_names)):
        of_label = table.label == label
        recordings = np.unique(table.recording[of_label])
        seconds.append(sum(np.ptp(table.time[of_label & (table.recording == name)]) for name in recordings))
    return [float(span) for span in seconds]


def _groups(table: FrameTable, config: SplitConfig, block_seconds: float | None) -> np.ndarray:
    """Returns text `[frames]`: the group of each frame, which stays on one side as a whole."""
    if config.strategy == "frame":
        return table.frame_id
    if block_seconds is None:
        return table.groups[config.strategy] if config.strategy in table.groups else getattr(table, config.strategy)
    blocks = block_numbers(table.time, block_seconds)
    return np.array([f"{recording}#{block}" for recording, block in zip(table.recording, blocks)])


def block_numbers(times: np.ndarray, block_seconds: float) -> np.ndarray:
    """Returns the block of each frame, counted from its recording's start: int64 `[frames]`."""
    return np.floor(times / block_seconds + 1e-9).astype(np.int64)


def _check_named(table: FrameTable, config: SplitConfig) -> None:
    """Refuses a strategy whose groups the data do not name."""
    if config.strategy not in (known := [*STRATEGIES, *table.groups]):
        raise UserError(f"split.strategy={config.strategy!r}: {nearest_name(config.strategy, known)}")
    if config.strategy in ("recording", "block") and not np.all(table.recording):
        raise UserError(
            f"split.strategy='{config.strategy}': the data name no recordings; use split.strategy=frame, "
            "and read its validation score as an upper bound"
        )
    if config.strategy == "background" and not np.all(table.background):
        raise UserError(
            "split.strategy='background': the data name no backgrounds; lay the clips out as "
            "ROOT/<class>/<background>/<recording>.mp4, name them in ROOT/clips.csv, or use split.strategy=block"
        )


def _check_groups(table: FrameTable, config: SplitConfig, groups: np.ndarray, both_sides: np.ndarray) -> None:
    """Refuses groups nested in classes: a fold would silently train without a class."""
    if not len(both_sides):
        raise UserError("split.train_only and split.validation_only name every label; leave one to be split")
    for label in np.unique(table.label[both_sides]):
        count = len(np.unique(groups[both_sides][table.label[both_sides] == label]))
        # Classes may share backgrounds, and groups that the user names: a fold need not hold one of each class.
        crossed = config.strategy not in ("frame", "block", "recording")
        if count >= config.folds or (crossed and count >= 2):
            continue
        name, unit = table.label_names[label], config.strategy
        if count == 1 and unit not in ("frame", "block"):
            raise UserError(
                f"split.strategy='{unit}': class '{name}' has one {unit}, so no fold can hold it in both training and "
                f"validation; use split.strategy=block, or film another {unit}"
            )
        way_out = "a smaller split.block_seconds, a larger data.fps or fewer" if unit == "block" else "fewer"
        raise UserError(
            f"split.folds={config.folds}: class '{name}' has {count} {unit}s, too few for that many folds; "
            f"use {way_out} folds"
        )


def _folds(
    table: FrameTable, config: SplitConfig, groups: np.ndarray, both_sides: np.ndarray, streams: Streams
) -> np.ndarray:
    """Returns the fold of each frame of `both_sides`, stratified by class."""
    # Imported late: a mistake in the configuration is refused before a second of loading.
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    seed = int(streams.split_generator("folds").integers(2**31))
    labels = table.label[both_sides]
    options = {"n_splits": config.folds, "shuffle": True, "random_state": seed}
    folds = np.empty(len(both_sides), np.int64)
    if config.strategy == "frame":
        parts = StratifiedKFold(**options).split(labels, labels)
    else:
        distinct = len(np.unique(groups[both_sides]))
        if distinct < config.folds:
            raise UserError(f"split.folds={config.folds}: there are {distinct} {config.strategy}s; use fewer folds")
        parts = StratifiedGroupKFold(**options).split(labels, labels, groups[both_sides])
    for fold, (_, held_out) in enumerate(parts):
        folds[held_out] = fold
    return folds


def _within_gap(table: FrameTable, in_validation: np.ndarray, gap_seconds: float) -> np.ndarray:
    """Returns bool `[frames]`: nearer than `gap_seconds` to a validation frame of the same recording."""
    near = np.zeros(len(table), bool)
    for frames, nearest in nearest_seconds(table, np.arange(len(table)), np.flatnonzero(in_validation)):
        near[frames] = nearest < gap_seconds
    return near


def nearest_seconds(
    table: FrameTable, frames: np.ndarray, others: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields, for each recording, its `frames` and their seconds to the nearest of `others` (inf: none)."""
    for name in np.unique(table.recording[frames]):
        own = frames[table.recording[frames] == name]
        times = np.sort(table.time[others[table.recording[others] == name]])
        if not len(times):
            yield own, np.full(len(own), np.inf)
            continue
        after = np.searchsorted(times, table.time[own])
        before_gap = np.abs(table.time[own] - times[np.maximum(after - 1, 0)])
        after_gap = np.abs(table.time[own] - times[np.minimum(after, len(times) - 1)])
        yield own, np.minimum(before_gap, after_gap)


def _check_sides(table: FrameTable, config: SplitConfig, split: Split) -> None:
    """Checks that every class that should be on a side is there."""
    for side, frames, exempt in (
        ("training", split.train, config.validation_only),
        ("validation", split.validation, config.train_only),
    ):
        present = set(table.label[frames])
        for label, name in enumerate(table.label_names):
            if label not in present and name not in exempt:
                raise UserError(
                    f"split.strategy='{config.strategy}', fold {config.fold} of {config.folds}: class '{name}' would "
                    f"have no {side} frames; use another split.fold, fewer folds, or a smaller split.gap_seconds"
                )
