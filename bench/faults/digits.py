"""Digits that wander, turn and change size over patches of two photographs: a world without dogs.

A recording shows one digit image, as one writer wrote it, over one patch. Each patch is the place of recordings of
every class. The world is fixed: it depends on `VERSION` alone, never on a run's seed.
"""

import dataclasses
import functools
import pathlib
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from sklearn.datasets import load_digits, load_sample_image

from dogjax.workers import map_on_all_cores
from dogjax.world.film import wander
from dogjax.world.video import write_video

VERSION = 1
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
CHOSEN = ("zero", "three", "eight")
ALIKE = ("three", "eight")
RECORDINGS = ("rec1", "rec2", "rec3")
SECONDS = 50
FPS = 4
SIZE = 64  # pixels
# The photograph of each place, and the patch's top and left there. Patches are halved.
PLACES = {
    "pagoda": ("china.jpg", 60, 110),
    "trees": ("china.jpg", 225, 400),
    "dahlia": ("flower.jpg", 120, 210),
    "leaves": ("flower.jpg", 20, 4),
}
PATCH = 96  # pixels, halved
HIGH = (36.0, 54.0)  # of the digit, in pixels
TURN = 0.2  # radians, one standard deviation
ROOM = 9.0  # pixels from the middle of the picture to the digit's, at most


@dataclasses.dataclass(frozen=True)
class Recording:
    """One clip of the world. `sample` numbers the images of its digit: no two clips show the same one."""

    label: str
    place: str
    name: str
    sample: int

    @property
    def path(self) -> pathlib.PurePosixPath:
        """Where its file lies under the root."""
        return pathlib.PurePosixPath(self.label, self.place, f"{self.name}.mp4")

    def rng(self, purpose: str) -> np.random.Generator:
        """The fixed generator of one of its properties."""
        return np.random.default_rng([VERSION, zlib.crc32(f"{self.path}/{purpose}".encode())])


def recordings(labels: Sequence[str] = CHOSEN) -> list[Recording]:
    """Every recording of some digits, class by class; no two show the same image."""
    return [
        Recording(label, place, name, row * len(RECORDINGS) + column)
        for label in labels
        for row, place in enumerate(PLACES)
        for column, name in enumerate(RECORDINGS)
    ]


def write_digits(root: pathlib.Path, labels: Sequence[str] = CHOSEN, seconds: int = SECONDS) -> None:
    """Writes `root/<digit>/<place>/<recording>.mp4`.

    Args:
      root: the folder to fill.
      labels: some of `DIGITS`, or all.
      seconds: the length of a clip.
    """
    map_on_all_cores(
        lambda each, _: write_video(root / each.path, draw_frames(each, seconds), FPS, (SIZE, SIZE)),
        recordings(labels),
    )


def draw_frames(recording: Recording, seconds: int = SECONDS) -> Iterator[np.ndarray]:
    """The frames of a recording, uint8 `[SIZE, SIZE, 3]` each."""
    rng, sensor = recording.rng("film"), recording.rng("sensor")
    times = np.arange(seconds * FPS) / FPS
    patch, digit = _patch(recording.place), _sample(recording.label, recording.sample)
    ink = rng.uniform(0.88, 1.0) + rng.uniform(-0.06, 0.06, 3)
    middles = SIZE / 2 + ROOM * np.tanh(_two(rng, times, 9.0))
    heights = np.exp(np.interp(np.tanh(wander(rng, times, 8.0)), [-1, 1], np.log(HIGH)))
    angles = TURN * (rng.standard_normal() + wander(rng, times, 7.0)) / np.sqrt(2)
    corners = (PATCH - SIZE - 1) * (0.5 + 0.5 * np.tanh(_two(rng, times, 12.0)))
    gains = _light(rng, times)
    grain = rng.uniform(0.01, 0.04)
    for middle, height, angle, corner, gain in zip(middles, heights, angles, corners, gains):
        picture = _shift(patch, corner)
        _draw_digit(picture, digit, ink, middle, height, angle)
        picture = picture * gain + grain * sensor.standard_normal(picture.shape)
        yield (picture.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def _two(rng: np.random.Generator, times: np.ndarray, period: float) -> np.ndarray:
    return np.stack([wander(rng, times, period), wander(rng, times, period)], 1)


def _light(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    """Gains `[frames, 3]` of red, green and blue: clouds, and the hour of the day."""
    brightness = rng.uniform(0.75, 1.1) * np.exp(0.15 * wander(rng, times, 12.0))
    warmth = 0.07 * rng.standard_normal() + 0.05 * wander(rng, times, 14.0)
    return brightness[:, None] * np.exp(np.stack([warmth, 0 * warmth, -warmth], 1))


@functools.cache
def _patch(place: str) -> np.ndarray:
    """The patch of a place in 0..1, each pixel the mean of four."""
    photograph, top, left = PLACES[place]
    pixels = load_sample_image(photograph)[top : top + 2 * PATCH, left : left + 2 * PATCH] / 255
    return pixels.reshape(PATCH, 2, PATCH, 2, 3).mean((1, 3))


@functools.cache
def _samples() -> tuple[np.ndarray, np.ndarray]:
    """All digit images in 0..1 with an empty border of a pixel, shuffled, and what each shows."""
    images, digits = (np.asarray(each) for each in load_digits(return_X_y=True))
    order = np.random.default_rng(VERSION).permutation(len(digits))
    return np.pad(images.reshape(-1, 8, 8)[order] / 16, ((0, 0), (1, 1), (1, 1))), digits[order]


def _sample(label: str, number: int) -> np.ndarray:
    images, digits = _samples()
    return images[digits == DIGITS.index(label)][number]


def _shift(patch: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """The picture whose top left is at `corner` (row, column), between pixels too."""
    (top, left), (down, right) = corner.astype(int), corner % 1
    rows = patch[top : top + SIZE + 1, left : left + SIZE + 1]
    rows = rows[:-1] + down * (rows[1:] - rows[:-1])
    return rows[:, :-1] + right * (rows[:, 1:] - rows[:, :-1])


def _draw_digit(
    picture: np.ndarray, digit: np.ndarray, ink: np.ndarray, middle: np.ndarray, height: float, angle: float
) -> None:
    """Paints a digit over a picture in place: pale strokes with a dark rim, so that it shows on any ground."""
    down, across = np.meshgrid(*(np.arange(SIZE) - offset for offset in middle), indexing="ij")
    scale, last = (len(digit) - 2) / height, len(digit) - 1
    rows = (scale * (np.cos(angle) * down - np.sin(angle) * across) + last / 2).clip(0, last - 1e-3)
    columns = (scale * (np.sin(angle) * down + np.cos(angle) * across) + last / 2).clip(0, last - 1e-3)
    row, column = rows.astype(int), columns.astype(int)
    below, right = rows - row, columns - column
    upper = digit[row, column] * (1 - right) + digit[row, column + 1] * right
    lower = digit[row + 1, column] * (1 - right) + digit[row + 1, column + 1] * right
    stroke = (upper * (1 - below) + lower * below)[..., None]
    picture += (2.5 * stroke).clip(0, 1) * (ink * (1.5 * stroke).clip(0, 1) - picture)
