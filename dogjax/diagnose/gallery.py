"""Chooses the frames of the gallery: hardest, most ambiguous, easiest, confused, probably mislabelled, leaking."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from dogjax.data.splits import Split
from dogjax.data.table import FrameTable
from dogjax.diagnose.cartography import Dynamics

FRAMES_A_ROW = 6
# Frames of one recording in one row lie further apart than this: neighbours look the same.
APART_SECONDS = 10.0
MOST_ERRORS = 6
MOST_PAIRS = 6


@dataclasses.dataclass(frozen=True)
class Row:
    """Holds frames that are shown side by side.

    Attributes:
      title: what they have in common.
      frames: numbers in the whole table.
      texts: the caption of each frame.
    """

    title: str
    frames: list[int]
    texts: list[str]


@dataclasses.dataclass(frozen=True)
class Sheet:
    """Holds rows under one heading."""

    title: str
    caption: str
    rows: list[Row]


def choose_sheets(
    table: FrameTable, split: Split, dynamics: Dynamics, errors: list[dict[str, Any]], pair: list[str]
) -> list[Sheet]:
    """Chooses the sheets of a run; those without frames are left out.

    Args:
      table: all frames.
      split: of them; dynamics are of the validation frames.
      dynamics: of the validation frames over epochs.
      errors: probable label errors, as `find_label_errors` describes them.
      pair: the two classes that are confused most.
    """
    chooser = _Chooser(table, split.validation, dynamics, "epoch")
    sheets = [
        chooser.label_errors(errors),
        *chooser.regions(),
        chooser.confusion(pair),
        chooser.near_duplicates(split.train),
    ]
    return [sheet for sheet in sheets if sheet.rows]


def choose_sheets_of_study(table: FrameTable, frames: np.ndarray, dynamics: Dynamics) -> list[Sheet]:
    """Chooses the sheets of several runs; those without frames are left out.

    Labels are not judged: on a background that they have not seen, networks confuse look-alikes with confidence.

    Args:
      table: all frames.
      frames: those that any run validated on.
      dynamics: of `frames`, over runs.
    """
    chooser = _Chooser(table, frames, dynamics, "run")
    sheets = [*chooser.regions(), chooser.confusion(_confused_most(table, frames, dynamics))]
    return [sheet for sheet in sheets if sheet.rows]


def _confused_most(table: FrameTable, frames: np.ndarray, dynamics: Dynamics) -> list[str]:
    """Returns the two classes with the most frames that are mostly predicted as the other."""
    counts = np.zeros((len(table.label_names),) * 2, np.int64)
    np.add.at(counts, (table.label[frames], dynamics.called), 1)
    counts = np.triu(counts + counts.T, 1)
    return [table.label_names[each] for each in np.unravel_index(counts.argmax(), counts.shape)]


class _Chooser:
    """Chooses from some frames by their dynamics.

    Args:
      table: all frames.
      frames: numbers of the frames to choose from.
      dynamics: of `frames`.
      over: `epoch` or `run`, over which the dynamics are taken.
    """

    def __init__(self, table: FrameTable, frames: np.ndarray, dynamics: Dynamics, over: str) -> None:
        self._table, self._numbers, self._dynamics, self._over = table, frames, dynamics, over
        self._frames = table.take(frames)

    def regions(self) -> Iterator[Sheet]:
        """Yields a sheet for each of the three regions of the map, with one row per class."""
        confidence, variability = self._dynamics.confidence, self._dynamics.variability
        every = f"over all {self._over}s; these frames were not trained on"
        for title, caption, order in (
            ("Hardest frames", f"The lowest mean probability of the correct class {every}.", confidence),
            (
                "Most ambiguous frames",
                f"The probability of the correct class changes most from {self._over} to {self._over}.",
                -variability,
            ),
            ("Easiest frames", f"The highest mean probability of the correct class {every}.", -confidence),
        ):
            names = self._frames.label_names
            rows = [self._row(names[label], self._frames.label == label, order) for label in range(len(names))]
            yield Sheet(title, caption, [row for row in rows if row.frames])

    def confusion(self, pair: list[str]) -> Sheet:
        """Shows frames of the two classes that are confused most: each predicted as itself, and as the other."""
        names = self._frames.label_names
        rows = []
        for label in pair:
            for called in pair:
                chosen = (self._frames.label == names.index(label)) & (self._dynamics.called == names.index(called))
                order = -self._dynamics.confidence if called == label else self._dynamics.confidence
                rows.append(self._row(f"{label}, mostly predicted {called}", chosen, order))
        caption = "Compare the rows: do light, pose, distance or background differ, or the subjects themselves?"
        return Sheet(f"{pair[0]} against {pair[1]}", caption, [row for row in rows if row.frames])

    def label_errors(self, errors: list[dict[str, Any]]) -> Sheet:
        """Shows probable label errors, one a row."""
        rows = []
        for error in errors[:MOST_ERRORS]:
            title = f"{error['unit']}: labelled {error['label']}, predicted {error['called']}"
            places = np.unique(np.linspace(0, len(error["frames"]) - 1, FRAMES_A_ROW).round().astype(int))
            frames = [error["frames"][place] for place in places]
            rows.append(Row(title, frames, [self._place(frame) for frame in frames]))
        caption = "Predicted as another class with confidence by classifiers that were not trained on them."
        return Sheet("Probable label errors", caption, rows)

    def near_duplicates(self, train: np.ndarray) -> Sheet:
        """Shows validation frames beside the nearest training frame of the same recording."""
        rows = []
        for seconds, frame, twin in self._nearest_pairs(train):
            texts = [self._place(frame), f"training frame, {seconds:.3g} s away"]
            rows.append(Row(self._table.label_names[self._table.label[frame]], [frame, twin], texts))
        caption = "A validation frame, and the training frame of the same recording that is nearest in time."
        return Sheet("Nearest to training", caption, rows)

    def _nearest_pairs(self, train: np.ndarray) -> list[tuple[float, int, int]]:
        """Lists seconds, validation frame and training frame; at most one pair a recording."""
        pairs = []
        for recording in np.unique(self._frames.recording[self._frames.recording != ""]):
            inside = self._numbers[self._frames.recording == recording]
            beside = train[self._table.recording[train] == recording]
            if len(beside):
                apart = np.abs(self._table.time[inside][:, np.newaxis] - self._table.time[beside])
                i, j = np.unravel_index(apart.argmin(), apart.shape)
                pairs.append((float(apart[i, j]), int(inside[i]), int(beside[j])))
        return sorted(pairs)[:MOST_PAIRS]

    def _row(self, title: str, chosen: np.ndarray, order: np.ndarray) -> Row:
        """Returns the chosen frames with the lowest `order`; frames of one recording are apart in time."""
        candidates = np.flatnonzero(chosen)
        kept: list[int] = []
        for frame in candidates[np.argsort(order[candidates], kind="stable")]:
            if len(kept) < FRAMES_A_ROW and not any(self._are_alike(frame, each) for each in kept):
                kept.append(int(frame))
        return Row(title, [int(self._numbers[each]) for each in kept], [self._text(each) for each in kept])

    def _are_alike(self, a: int, b: int) -> bool:
        frames = self._frames
        same = frames.recording[a] == frames.recording[b] != ""
        return bool(same and abs(frames.time[a] - frames.time[b]) < APART_SECONDS)

    def _text(self, frame: int) -> str:
        dynamics = self._dynamics
        called = self._frames.label_names[dynamics.called[frame]]
        return (
            f"{self._place(self._numbers[frame])}: p {dynamics.confidence[frame]:.2f} "
            f"± {dynamics.variability[frame]:.2f}, mostly predicted {called}"
        )

    def _place(self, frame: int) -> str:
        recording = self._table.recording[frame]
        return f"{recording}, {self._table.time[frame]:.0f} s" if recording else str(self._table.frame_id[frame])
