"""Tiny real video files made for tests. Frame n is filled with a colour that tells n."""

import pathlib
from collections.abc import Iterable, Sequence
from fractions import Fraction

import av
import numpy as np

WIDTH, HEIGHT = 64, 48
# Red, green and blue of a frame are the digits of its number to the base 4: 64 frames can be told apart, and
# neighbouring levels lie further from each other than any codec errs.
LEVELS = np.array([0, 85, 170, 255], np.uint8)
# Faces of the corners: top left, top right, bottom left, bottom right.
CORNERS = ("red", "green", "blue", "white")
RGB = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}


def picture_of(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """uint8 `[height, width, 3]` in the colour of `number` (0 to 63)."""
    digits = [number // 16, number // 4 % 4, number % 4]
    return np.broadcast_to(LEVELS[digits], (height, width, 3)).copy()


def number_in(image: np.ndarray) -> int:
    """The number whose colour a decoded frame has."""
    middle = np.array(image[image.shape[0] // 4 : -image.shape[0] // 4], float).mean((0, 1))
    red, green, blue = np.abs(middle[:, None] - LEVELS).argmin(1).tolist()
    return 16 * red + 4 * green + blue


def four_corners(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """uint8 `[height, width, 3]`: a quarter in each of the colours of `CORNERS`."""
    colours = np.array([RGB[name] for name in CORNERS], np.uint8).reshape(2, 2, 3)
    return colours.repeat(height // 2, 0).repeat(width // 2, 1)


def corners_of(image: np.ndarray) -> tuple[str, ...]:
    """The colours of the four quarters, in the order of `CORNERS`."""
    near, far = image.shape[0] // 4, -image.shape[0] // 4
    found = (image[y, x].astype(int) for y in (near, far) for x in (near, far))
    return tuple(min(RGB, key=lambda name: np.abs(colour - RGB[name]).sum()) for colour in found)


def write_video(
    path: pathlib.Path,
    pictures: Iterable[np.ndarray] | int = 10,
    *,
    rate: int = 10,
    times: Sequence[float] | None = None,
    codec: str = "libx264",
    rotation: int = 0,
    hflip: bool = False,
    gop: int = 12,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    sound: bool = False,
) -> pathlib.Path:
    """Writes a video and returns its path.

    Args:
      path: its suffix picks the container.
      pictures: uint8 `[height, width, 3]` each; a number n stands for the pictures of 0, ..., n - 1.
      rate: frames a second.
      times: when each frame appears, in seconds, to a 90,000th; None: at the constant rate.
      codec: the name of an FFmpeg encoder.
      rotation: degrees that a player turns the picture anticlockwise by.
      hflip: whether a player mirrors it, too.
      gop: frames from a key frame to the next.
      options: of the encoder.
      container_options: of the container, such as `{"movflags": "faststart"}`.
      sound: whether there is a track of silence, too.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(pictures, int):
        pictures = [picture_of(number) for number in range(pictures)]
    pictures = list(pictures)
    base = Fraction(1, rate) if times is None else Fraction(1, 90_000)
    stamps = range(len(pictures)) if times is None else [round(time * 90_000) for time in times]
    with av.open(str(path), "w", options={"fflags": "+bitexact", **(container_options or {})}) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.time_base = stream.codec_context.time_base = base
        stream.codec_context.gop_size = gop
        stream.codec_context.thread_count = 1
        if rotation or hflip:
            stream.set_display_rotation(rotation, hflip=hflip)
        voice = _add_silence(container) if sound else None
        for stamp, picture in zip(stamps, pictures, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = stamp, base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if voice is not None:
            _write_silence(container, voice, seconds=len(pictures) / rate)
    return path


def write_sound(path: pathlib.Path, codec: str = "aac", seconds: float = 1) -> pathlib.Path:
    """Writes a file that holds sound alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        _write_silence(container, _add_silence(container, codec), seconds)
    return path


def cut(path: pathlib.Path, share: float) -> pathlib.Path:
    """Cuts the end of a file off, and returns its path."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def busy_pictures(count: int, width: int = WIDTH, height: int = HEIGHT, seed: int = 0) -> list[np.ndarray]:
    """Pictures of noise, different for every seed: no encoder can make them small."""
    return list(np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), np.uint8))


def _add_silence(container, codec: str = "aac"):
    stream = container.add_stream(codec, rate=8000)
    stream.codec_context.layout = "mono"
    return stream


def _write_silence(container, stream, seconds: float) -> None:
    sample_format = stream.codec_context.format.name
    kind = {"fltp": np.float32, "s16": np.int16, "s16p": np.int16}[sample_format]
    for start in range(0, int(8000 * seconds), 1000):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1000), kind), format=sample_format, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 8000, start, Fraction(1, 8000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())
