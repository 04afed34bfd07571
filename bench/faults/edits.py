"""Faults of the data: what each makes of the videos. Every edit writes real video files, or links to them."""

import pathlib

import numpy as np

from bench.faults.fault import Situation
from bench.faults.refilm import FINE, Change, Pixels, refilm, unchanged
from dogjax.data.sources.clips import Clip


def link(clip: Clip, root: pathlib.Path, label: str | None = None) -> None:
    """Puts the file of `clip` into `root`, under another label if one is given."""
    target = _target(clip, root, label)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(clip.path.resolve())


def film_again(
    clip: Clip, root: pathlib.Path, change: Change, *, crf: int = FINE, label: str | None = None, name: str = ""
) -> None:
    """Puts `clip` into `root` with its pixels changed, under another label or name if one is given."""
    refilm(clip.path, _target(clip, root, label, name), change, crf=crf)


def _target(clip: Clip, root: pathlib.Path, label: str | None, name: str = "") -> pathlib.Path:
    moved = f"{clip.label}_" if label not in (None, clip.label) else ""
    return root / (label or clip.label) / clip.background / f"{name}{moved}{clip.path.stem}.mp4"


def relabel(situation: Situation, root: pathlib.Path) -> None:
    """Sorts a share of the recordings into the folder of the next class."""
    wrong = _chosen(situation.clips, situation)
    labels = situation.labels
    for clip in situation.clips:
        following = labels[(labels.index(clip.label) + 1) % len(labels)]
        link(clip, root, following if clip in wrong else None)


def overlap(situation: Situation, root: pathlib.Path) -> None:
    """Puts a share of the first class's recordings into the folder of the last one, too."""
    first, last = situation.labels[0], situation.labels[-1]
    again = _chosen([clip for clip in situation.clips if clip.label == first], situation)
    for clip in situation.clips:
        link(clip, root)
        if clip in again:
            film_again(clip, root, unchanged, label=last, name="also_")


def duplicate(situation: Situation, root: pathlib.Path) -> None:
    """Adds a share of the recordings a second time, encoded again, under a name of their own."""
    again = _chosen(situation.clips, situation)
    for clip in situation.clips:
        link(clip, root)
        if clip in again:
            film_again(clip, root, unchanged, crf=18, name="copy_")


def confine(situation: Situation, root: pathlib.Path) -> None:
    """Leaves each class mostly in a place of its own: a share of its clips in other places is left out."""
    places = sorted({clip.background for clip in situation.clips})
    away = [clip for clip in situation.clips if not _at_home(clip, situation, places)]
    out = {clip.path for label in situation.labels for clip in _chosen(_of(away, label), situation)}
    for clip in situation.clips:
        if clip.path not in out:
            link(clip, root)


def thin(situation: Situation, root: pathlib.Path) -> None:
    """Leaves out as many clips of each class as `confine`, of any place."""
    places = sorted({clip.background for clip in situation.clips})
    for label in situation.labels:
        clips = _of(situation.clips, label)
        out = len(_chosen([clip for clip in clips if not _at_home(clip, situation, places)], situation))
        left = situation.rng.permutation(len(clips))[out:]
        for number in sorted(left):
            link(clips[number], root)


def coarsen(situation: Situation, root: pathlib.Path) -> None:
    """Encodes the first class by another camera: coarsely, as `strength` says."""
    for clip in situation.clips:
        if clip.label == situation.labels[0]:
            film_again(clip, root, unchanged, crf=situation.strength)
        else:
            film_again(clip, root, unchanged)


def add_noise(situation: Situation, root: pathlib.Path) -> None:
    """Adds noise of SD `strength`, of 255, to the training side alone.

    In cells as large as what the network sees as a pixel: finer noise would be averaged away before it got there.
    """
    rng, side = situation.rng, situation.config.data.image_size

    def noisy(pixels: Pixels) -> Pixels:
        frames, height, width, _ = pixels.shape
        cells = situation.strength * rng.standard_normal((frames, side, side, 3), np.float32)
        rows, columns = np.arange(height) * side // height, np.arange(width) * side // width
        return _as_bytes(pixels + cells[:, rows[:, np.newaxis], columns])

    _on_side(situation, root, noisy, training=True)


def darken_validation(situation: Situation, root: pathlib.Path) -> None:
    """Multiplies the pixels of the validation side by `strength`."""
    _on_side(situation, root, lambda pixels: _as_bytes(pixels * np.float32(situation.strength)), training=False)


def swap_channels(situation: Situation, root: pathlib.Path) -> None:
    """Mixes red and blue on the validation side, wholly where `strength` is 1: BGR read as RGB."""
    share = np.float32(situation.strength)
    _on_side(
        situation, root, lambda pixels: _as_bytes((1 - share) * pixels + share * pixels[..., ::-1]), training=False
    )


def fade(situation: Situation, root: pathlib.Path) -> None:
    """Multiplies the pixels of all videos by `strength`: by 1 / 255, all but nothing is left of them.

    By 0, all files would be the same, and copies of a clip are refused.
    """
    for clip in situation.clips:
        film_again(clip, root, lambda pixels: _as_bytes(pixels * np.float32(situation.strength)))


def _on_side(situation: Situation, root: pathlib.Path, change: Change, *, training: bool) -> None:
    for clip in situation.clips:
        if situation.trains(clip) == training:
            film_again(clip, root, change)
        else:
            link(clip, root)


def _chosen(clips: list[Clip], situation: Situation) -> list[Clip]:
    """Draws a share of the clips: the first of an order that the seed gives, so that a larger share has them all."""
    order = situation.rng.permutation(len(clips))
    return [clips[number] for number in order[: round(situation.strength * len(clips))]]


def _of(clips: list[Clip], label: str) -> list[Clip]:
    return [clip for clip in clips if clip.label == label]


def _at_home(clip: Clip, situation: Situation, places: list[str]) -> bool:
    return places.index(clip.background) == situation.labels.index(clip.label) % len(places)


def _as_bytes(pixels: np.ndarray) -> Pixels:
    return np.rint(pixels).clip(0, 255).astype(np.uint8)
