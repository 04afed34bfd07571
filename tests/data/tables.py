"""Frame tables made up for tests: no video, no image."""

import pathlib

import numpy as np

from dogjax.data.table import FrameTable


def make_table(recordings: list[tuple[str, str, str, int]], fps: float = 1.0) -> FrameTable:
    """A table with `frames` frames of each (label, recording, background, frames)."""
    names = tuple(sorted({label for label, *_ in recordings}))
    rows = [
        (f"{recording}@{i / fps:010.3f}", names.index(label), recording, background, i / fps)
        for label, recording, background, frames in recordings
        for i in range(frames)
    ]
    rows.sort()
    ids, labels, recording, background, times = zip(*rows)
    return FrameTable(
        frame_id=np.array(ids),
        label=np.array(labels, np.int32),
        recording=np.array(recording),
        background=np.array(background),
        time=np.array(times, np.float64),
        sharpness=np.ones(len(rows), np.float32),
        record=np.arange(len(rows)),
        label_names=names,
        folder=pathlib.Path(),
    )


def three_dogs(recordings_each: int = 4, frames: int = 50) -> FrameTable:
    """Three dogs with as many recordings, each in a background of its own number, shared by the dogs."""
    return make_table(
        [
            (dog, f"{dog}/{place}/take", f"place{place}", frames)
            for dog in ("ash", "bea", "cole")
            for place in range(recordings_each)
        ]
    )


def random_images(table: FrameTable, side: int = 16) -> np.ndarray:
    """uint8 `[frames, side, side, 3]`, different for every frame."""
    return np.random.default_rng(0).integers(0, 256, (len(table), side, side, 3), dtype=np.uint8)
