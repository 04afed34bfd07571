"""The embedded default data: three dogs, two of them look-alikes, filmed by phone in four places.

The films are rendered as real H.264 files in the layout of a user's own videos and take the same way
through the program. The world is fixed: it depends on its `Setting` alone, never on a run's seed.
"""

import dataclasses
import itertools
import pathlib
import threading
import zlib
from collections.abc import Callable, Mapping

import numpy as np

from dogjax.workers import map_on_all_cores
from dogjax.world import dog, paint
from dogjax.world.setting import EMBEDDED, Hand, Setting
from dogjax.world.video import write_video

VERSION = EMBEDDED.version
RECORDINGS = ("rec1", "rec2", "rec3")
SECONDS = 50  # 4 backgrounds x 3 recordings x 50 s: ten minutes a dog
FPS = 4
WIDTH, HEIGHT = 160, 120  # pixels


@dataclasses.dataclass(frozen=True)
class Recording:
    """One clip of the world."""

    dog: str
    background: str
    name: str
    setting: Setting = EMBEDDED

    @property
    def path(self) -> pathlib.PurePosixPath:
        """Where its file lies under the root."""
        return pathlib.PurePosixPath(self.dog, self.background, f"{self.name}.mp4")

    def rng(self, purpose: str) -> np.random.Generator:
        """The fixed generator of one of its properties."""
        return np.random.default_rng([self.setting.version, zlib.crc32(f"{self.path}/{purpose}".encode())])


@dataclasses.dataclass(frozen=True)
class Film:
    """A recording's script: what is constant, and what holds at each of its frames (arrays `[frames]`)."""

    looks: Mapping[str, dog.Look]
    panorama: np.ndarray
    fur: np.ndarray
    light: dog.Light
    shadow: float
    poses: list[dog.Pose]
    away: np.ndarray  # metres from the camera to the dog
    feet: np.ndarray  # [frames, 2], pixel between the dog's feet in the panorama
    corner: np.ndarray  # [frames, 2], top left of the picture in the panorama
    gains: np.ndarray  # [frames, 3], exposure and white balance
    defocus: np.ndarray  # pixels
    motion: np.ndarray  # [frames, 2], pixels that the camera moves while the shutter is open
    grain: float


def world(setting: Setting = EMBEDDED) -> list[Recording]:
    """Every recording, dog by dog."""
    return [
        Recording(each, background, name, setting)
        for each in setting.looks
        for background in setting.places
        for name in RECORDINGS
    ]


def render_clips(
    root: pathlib.Path,
    progress: Callable[[int], object] | None = None,
    recordings: list[Recording] | None = None,
    seconds: int = SECONDS,
) -> None:
    """Writes `root/<dog>/<background>/<recording>.mp4`.

    Args:
      root: the folder to fill.
      progress: called with 1 after each of the clips, from the calling thread.
      recordings: these alone; None: the whole embedded world.
      seconds: the length of a clip.
    """
    chosen = world() if recordings is None else recordings
    map_on_all_cores(lambda each, stop: render_clip(root / each.path, each, seconds, stop), chosen, progress)


def render_clip(
    path: pathlib.Path, recording: Recording, seconds: int = SECONDS, stop: threading.Event | None = None
) -> None:
    """Writes one recording as an MP4 file of `seconds` x `FPS` frames; fewer where `stop` is set meanwhile."""
    film, sensor = direct(recording, seconds), recording.rng("sensor")
    wanted = itertools.takewhile(lambda _: stop is None or not stop.is_set(), range(seconds * FPS))
    frames = (draw_frame(film, recording.dog, index, sensor) for index in wanted)
    write_video(path, frames, FPS, (WIDTH, HEIGHT))


def direct(recording: Recording, seconds: int = SECONDS) -> Film:
    """The script of a recording; equal for equal arguments."""
    rng, hand = recording.rng("film"), recording.setting.hand
    place = recording.setting.places[recording.background]
    frames = seconds * FPS
    times = np.arange(frames) / FPS
    turn = hand.swing * wander(recording.rng("swing"), times, 16)
    poses, across, away = _act(rng, times, hand, turn)
    aside = paint.WIDTH / 2 + paint.FOCAL * across / away + paint.FOCAL * turn
    feet = np.stack([aside, paint.HORIZON + paint.FOCAL * paint.EYE / away], 1)
    corner = _aim(rng, times, hand, feet)
    direction = np.array([rng.uniform(-0.8, 0.8), rng.uniform(0.5, 1), rng.uniform(0.1, 0.8)])
    ambient = rng.uniform(0.6, 0.8) if place.indoors else rng.uniform(0.35, 0.75)
    shake = np.stack([wander(rng, times, 1.5, count=6), wander(rng, times, 1.5, count=6)], 1)
    return Film(
        looks=recording.setting.looks,
        panorama=place.draw(recording.rng("place")).clip(0, 1).astype(np.float32),
        fur=(1 + 0.22 * paint.noise(rng, (dog.FUR_CELLS, dog.FUR_CELLS), (2.5, 2.5))).astype(np.float32),
        light=dog.Light(direction / np.linalg.norm(direction), ambient),
        shadow=0.75 * (1 - ambient) + 0.1,
        poses=poses,
        away=away,
        feet=feet,
        corner=corner,
        gains=_expose(rng, times, place.indoors),
        defocus=2.0 * (wander(rng, times, 4, count=5) - 0.9).clip(0, 1.5),
        motion=6.0 * np.sign(shake) * (np.abs(shake) - 1.1).clip(0, 1.5),
        grain=rng.uniform(0.01, 0.035),
    )


def wander(rng: np.random.Generator, times: np.ndarray, period: float, count: int = 4) -> np.ndarray:
    """A smooth random function of time, mean 0 and SD 1, that turns about every `period` seconds."""
    periods, phases = period * rng.uniform(0.6, 1.7, count), rng.uniform(0, 2 * np.pi, count)
    return np.sin(2 * np.pi * times[:, None] / periods + phases).sum(1) * np.sqrt(2 / count)


def _act(
    rng: np.random.Generator, times: np.ndarray, hand: Hand, turn: np.ndarray
) -> tuple[list[dog.Pose], np.ndarray, np.ndarray]:
    """Poses as seen by a camera that has turned, and metres to the right of its first view and away, at each time."""
    pace = (wander(rng, times, 9) + 0.5).clip(0, 1.6)
    clock = np.cumsum(pace) / FPS + rng.uniform(0, 100)
    rightwards = _course(rng, clock, 11.0)
    depthwards = _course(rng, clock, 8.0)
    away = np.exp(np.interp(np.tanh(depthwards[0] / 1.2), [-1, 1], np.log((hand.near, hand.far))))
    across = 0.45 * np.tanh(rightwards[0] / 1.5) * away
    speed_right, speed_away = 1.6 * rightwards[1], 2.2 * depthwards[1]
    heading = np.unwrap(np.arctan2(speed_away, speed_right)) + turn
    speed = pace * np.hypot(speed_right, speed_away)
    stride = (speed / 0.8).clip(0, 1)
    phase = np.cumsum(0.25 + speed) * (2 * np.pi / FPS) * 1.3
    resting = (1 - pace * 2.5).clip(0, 1)
    sits = resting * (wander(rng, times, 15) > 0.2)
    sniffs = (wander(rng, times, 7) - 0.6).clip(0, 1) * (1 - sits)
    neck = 0.85 + 0.15 * wander(rng, times, 5) - 1.3 * sniffs
    nod = -0.1 + 0.18 * wander(rng, times, 4) - 0.5 * sniffs
    turn, wag = 0.5 * wander(rng, times, 5), wander(rng, times, 0.8)
    columns = zip(heading, phase, stride, sits, neck, nod, turn, wag)
    return [dog.Pose(*(float(value) for value in column)) for column in columns], across, away


def _course(rng: np.random.Generator, clock: np.ndarray, period: float) -> tuple[np.ndarray, np.ndarray]:
    """A smooth walk along one axis and its derivative."""
    count = 4
    omega = 2 * np.pi / (period * rng.uniform(0.6, 1.7, count))
    angle = clock[:, None] * omega + rng.uniform(0, 2 * np.pi, count)
    size = np.sqrt(2 / count)
    return np.sin(angle).sum(1) * size, (omega * np.cos(angle)).sum(1) * size


def _aim(rng: np.random.Generator, times: np.ndarray, hand: Hand, feet: np.ndarray) -> np.ndarray:
    """The picture's top left corner: a hand that follows the dog, late and not steadily."""
    right, down = hand.sway
    slow = np.stack([right * WIDTH * wander(rng, times, 8), down * HEIGHT * wander(rng, times, 8)], 1)
    quick = rng.uniform(*hand.shiver) * np.stack([wander(rng, times, 0.9), wander(rng, times, 0.9)], 1)
    corner = feet - [WIDTH / 2, 0.74 * HEIGHT] + slow + quick
    return corner.clip(1, [paint.WIDTH - WIDTH - 2, paint.HEIGHT - HEIGHT - 2])


def _expose(rng: np.random.Generator, times: np.ndarray, indoors: bool) -> np.ndarray:
    """Gains `[frames, 3]` of red, green and blue: daylight or lamps, clouds, and automatic exposure."""
    level = rng.uniform(0.6, 1.0) if indoors else rng.uniform(0.75, 1.2)
    exposure = level * np.exp(0.16 * wander(rng, times, 12) + 0.07 * wander(rng, times, 2.5))
    warmth = (0.1 if indoors else 0.0) + 0.09 * rng.standard_normal() + 0.05 * wander(rng, times, 14)
    tint = 0.04 * rng.standard_normal() + 0.02 * wander(rng, times, 14)
    return exposure[:, None] * np.exp(np.stack([warmth, tint, -warmth], 1))


def draw_frame(film: Film, name: str | None, index: int, sensor: np.random.Generator) -> np.ndarray:
    """Frame `index` of a film as uint8 `[HEIGHT, WIDTH, 3]`.

    Args:
      film: the script.
      name: the dog; None leaves the place empty.
      index: which frame.
      sensor: draws the noise of the sensor.
    """
    picture = _crop(film.panorama, film.corner[index])
    if name is not None:
        scale = float(paint.FOCAL / film.away[index])
        x, y = (float(value) for value in film.feet[index] - film.corner[index])
        look = film.looks[name]
        _cast_shadow(picture, (x, y), scale * look.height, film.poses[index].heading, film.shadow)
        pitch = float(np.arctan2(paint.EYE - look.height / 2, film.away[index]))
        dog.draw_dog(picture, look, film.poses[index], (x, y), scale, pitch, film.light, film.fur)
    picture *= film.gains[index].astype(np.float32)
    picture = _blur(picture, film.defocus[index] + abs(film.motion[index, 0]), axis=1)
    picture = _blur(picture, film.defocus[index] + abs(film.motion[index, 1]), axis=0)
    picture += np.float32(film.grain) * sensor.standard_normal(picture.shape, np.float32)
    # A phone rolls highlights off instead of clipping them.
    picture = np.where(picture > 0.8, 1 - 0.2 * np.exp((0.8 - picture) / 0.2), picture)
    return (picture.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def _crop(panorama: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """The picture whose top left is at `corner` (x, y), between pixels too."""
    left, top = (int(value) for value in corner)
    right_share, down_share = (corner - [left, top]).astype(np.float32)
    rows = panorama[top : top + HEIGHT + 1, left : left + WIDTH + 1]
    rows = rows[:-1] + down_share * (rows[1:] - rows[:-1])
    return rows[:, :-1] + right_share * (rows[:, 1:] - rows[:, :-1])


def _cast_shadow(picture: np.ndarray, feet: tuple[float, float], height: float, heading: float, depth: float) -> None:
    """Darkens the ground under a dog `height` pixels high at the shoulder."""
    along = abs(np.cos(heading))
    x = (np.arange(WIDTH, dtype=np.float32) - feet[0]) / (height * (0.35 + 0.45 * along))
    y = (np.arange(HEIGHT, dtype=np.float32) - feet[1]) / (height * (0.3 - 0.12 * along))
    distance = y[:, None] ** 2 + x[None] ** 2
    picture *= (1 - np.float32(depth) * np.exp(-(distance**2)))[..., None].astype(np.float32)


def _blur(picture: np.ndarray, length: float, axis: int) -> np.ndarray:
    """The mean of `length` + 1 neighbouring pixels along an axis, edges repeated."""
    reach = round(length)
    if reach == 0:
        return picture
    size = picture.shape[axis]
    padding = [(0, 0)] * 3
    padding[axis] = (reach // 2, reach - reach // 2)
    padded = np.pad(picture, padding, mode="edge")
    shifted = [padded.take(range(start, start + size), axis) for start in range(reach + 1)]
    return np.mean(shifted, axis=0)
