"""Decodes a clip to small square SDR frames by presentation time, one frame in memory at a time.

PyAV (FFmpeg) decodes. A frame is on screen from its own presentation time until the next frame's. Sample k of a clip
is the frame on screen k / fps seconds after the first one appears. HDR frames are mapped to SDR (`colour.py`). Every
machine computes the same bits: the decoders are exact, and swscale is told to round exactly.
"""

import contextlib
import math
import pathlib
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import av
import numpy as np
from av.error import FFmpegError
from av.sidedata.sidedata import SideDataContainer
from av.video.reformatter import Interpolation, VideoReformatter

from dogjax.data import colour
from dogjax.data.pixels import measure_sharpness
from dogjax.errors import UserError

# Counted up whenever the same file gives other pixels or another description, for the fingerprint of a dataset.
VERSION = 3

# The caller decodes as many clips at once as there are cores. Four threads keep a machine busy when few
# clips are left, and bound the full-size frames that the decoders hold.
DECODER_THREADS = 4

# Without these two flags the last bit depends on the SIMD instructions of the machine; the others keep
# the colour of every pixel, where the default is every second one.
EXACT = (
    Interpolation.ACCURATE_RND | Interpolation.BITEXACT | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
)

# Containers that state their duration. FFmpeg estimates the duration of the others from the packets, and the index is
# the better check of MP4.
STATE_DURATION = ("matroska,webm", "flv", "asf")

_SIDE_DATA: Any = SideDataContainer  # PyAV's types leave out its constructor

LEAVE_OUT = "leave it out (data.on_bad_video=skip)"
WAY_OUT = f"copy it again, or {LEAVE_OUT}"


class BadVideo(UserError):
    """Reports that one clip cannot be used; the others may be fine."""


class UnreadableVideo(UserError):
    """The system could not read a clip this time. That says nothing about its bytes, so it is not remembered."""


class Frame(NamedTuple):
    """Holds a sampled frame.

    `time`: seconds from the clip's first frame to this one's presentation, to the microsecond.
    `image`: uint8 `[side, side, 3]`, RGB. `sharpness`: see `measure_sharpness`.
    """

    time: float
    image: np.ndarray
    sharpness: float


def decode_frames(path: pathlib.Path, *, fps: float, image_size: int) -> Iterator[Frame]:
    """Yields the frames on screen at 0, 1 / fps, 2 / fps, ... seconds, each frame of the clip at most once.

    Frames are turned upright as their display matrix says and squashed to a square: by the mean over
    the area that a pixel covers, or bicubically where a side must grow. Missing timestamps are
    filled in at the clip's average rate.

    Args:
      path: a file in any container and codec that FFmpeg reads.
      fps: samples a second, read as the decimal number that was written: 0.1 is exactly one tenth.
      image_size: side of the square, in pixels.

    Raises:
      BadVideo: not a video, no video stream, nothing to decode, colours that FFmpeg cannot convert, damaged or cut
        off. The last two may be raised only after the frames before the damage.
    """
    with _open(path) as container:
        stream = _pick_stream(container, path)
        step = 1 / Fraction(stream.guessed_rate or 25)
        # Containers round times to their tick (1 ms in Matroska): without this slack every third frame
        # of a 30 fps clip would seem to come too late for its own sample.
        slack = min(stream.time_base / 2, Fraction(1, 1000))
        shrinker = _Shrinker(image_size)
        shown = _time_frames(_decode(container, stream, path), step)
        for start, frame in _take_samples(shown, Fraction(str(fps)), slack):
            try:
                image = shrinker.shrink(frame)
            except FFmpegError as error:
                matrix = colour.name_of(frame.colorspace, colour.MATRIX_NAMES)
                raise BadVideo(
                    f"{path}: FFmpeg cannot convert its colours ({matrix}) to RGB; convert it to BT.709, or {LEAVE_OUT}"
                ) from error
            yield Frame(round(float(start), 6), image, measure_sharpness(image))


def describe_recording(path: pathlib.Path) -> dict[str, Any]:
    """Returns the format of the video that `decode_frames` decodes, as plain JSON, in FFmpeg's names.

    The keys are `width` and `height` (pixels, before any turn), `frame_rate` (frames a second), `codec`,
    `pixel_format`, `transfer`, `primaries`, `matrix`, `range` (`tv` is limited, `pc` is full), `rotation` (degrees
    anticlockwise that make a frame upright) and `bit_rate` (bits a second). None: the file does not say.

    Raises:
      BadVideo: as `decode_frames`, but the file is not read beyond its first frame.
    """
    with _open(path) as container:
        stream = _pick_stream(container, path)
        frame = next(_decode(container, stream, path))
        rate = stream.guessed_rate or stream.average_rate
        return {
            "width": frame.width,
            "height": frame.height,
            "frame_rate": round(float(rate), 3) if rate else None,
            "codec": stream.codec.canonical_name,
            "pixel_format": frame.format.name,
            "transfer": colour.name_of(frame.color_trc, colour.TRANSFER_NAMES),
            "primaries": colour.name_of(frame.color_primaries, colour.PRIMARIES_NAMES),
            "matrix": colour.name_of(frame.colorspace, colour.MATRIX_NAMES),
            "range": colour.name_of(frame.color_range, colour.RANGE_NAMES),
            "rotation": frame.rotation,
            "bit_rate": stream.bit_rate or None,
        }


@contextlib.contextmanager
def _open(path: pathlib.Path) -> Iterator[Any]:
    try:
        # An absolute path cannot be taken for a protocol ('a:b.mp4'); old cameras write titles in other encodings.
        container = av.open(str(path.absolute()), metadata_errors="replace")
    except (FFmpegError, ValueError) as error:
        _check_reading(error, path)
        if _starts_like_mp4(path):
            raise _without_index(path) from error
        raise BadVideo(f"{path}: is not a video, FFmpeg finds no format that fits; {WAY_OUT}") from error
    with container:
        if container.format.name.endswith("_pipe") or container.format.name == "image2":
            raise BadVideo(f"{path}: is a picture, not a video; {WAY_OUT}")
        yield container


def _check_reading(error: Exception, path: pathlib.Path) -> None:
    """Raises UnreadableVideo if the system failed, not the file: a network drive, or memory."""
    if isinstance(error, OSError) and not isinstance(error, BlockingIOError):
        raise UnreadableVideo(
            f"{path}: cannot be read ({error.strerror}); start the same command again, or remove the file if that does "
            "not help"
        ) from error


def _without_index(path: pathlib.Path) -> BadVideo:
    return BadVideo(f"{path}: is cut off, its index (moov) is missing; {WAY_OUT}")


def _starts_like_mp4(path: pathlib.Path) -> bool:
    with path.open("rb") as file:
        return file.read(8)[4:] in (b"ftyp", b"mdat", b"wide")


def _ends_within_index(path: pathlib.Path) -> bool:
    """Returns whether an MP4 or MOV file is cut off within its index. FFmpeg reads such a file without an error."""
    position, size, kind = 0, path.stat().st_size, b""
    with path.open("rb") as file:
        while position < size:
            file.seek(position)
            length, kind = int.from_bytes(file.read(4), "big"), file.read(4)
            if length == 1:
                length = int.from_bytes(file.read(8), "big")
            if length < 8:  # the last box, or no box
                return False
            position += length
    return position > size and kind == b"moov"


def _pick_stream(container: Any, path: pathlib.Path) -> Any:
    """Picks the default video stream, then the largest, then the first. Cover art is not a video stream."""
    if _starts_like_mp4(path) and _ends_within_index(path):
        raise _without_index(path)
    picture = av.stream.Disposition.attached_pic
    streams = [stream for stream in container.streams.video if not stream.disposition & picture]
    if not streams:
        kinds = " and ".join(sorted({stream.type for stream in container.streams.audio + container.streams.subtitles}))
        raise BadVideo(f"{path}: has no video stream, only {kinds or 'data'}; {WAY_OUT}")
    streams = [stream for stream in streams if stream.codec_context is not None]
    if not streams:
        raise BadVideo(f"{path}: FFmpeg cannot decode its codec; convert it to H.264, or {WAY_OUT}")
    default = av.stream.Disposition.default
    stream = max(streams, key=lambda each: (bool(each.disposition & default), each.width * each.height))
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = DECODER_THREADS
    return stream


def _decode(container: Any, stream: Any, path: pathlib.Path) -> Iterator[Any]:
    """Yields the frames in presentation order, then checks that the file held all that it announced."""
    started = is_cut = False
    end = longest = Fraction(0)
    packets = container.demux()
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                break
            stamp = packet.dts if packet.pts is None else packet.pts
            if stamp is not None:
                packet_end = (stamp + (packet.duration or 0)) * packet.time_base
                longest = max(longest, packet_end - end)
                end = max(end, packet_end)
            # The packets that flush the decoders know their stream, but not its index.
            if packet.stream is not stream:
                continue
            is_cut = packet.is_corrupt
            frames = packet.decode()
        except FFmpegError as error:
            _check_reading(error, path)
            # A recording may begin between two key frames: errors before the first picture are not damage.
            if not started:
                continue
            raise _damage(path, end) from error
        for frame in frames:
            if frame.is_corrupt and started:
                raise _damage(path, end)
            if not frame.is_corrupt:
                started = True
                yield frame
    if not started:
        raise BadVideo(f"{path}: not one frame of it can be decoded; {WAY_OUT}")
    declared = _declared_end(container, stream)
    if is_cut or _index_ends_beyond(stream, path.stat().st_size):
        raise BadVideo(f"{path}: is cut off after {float(end):.1f} s; {WAY_OUT}")
    # The last frame may stay on screen for long, as others did before it.
    if declared - end > 1 + longest:
        raise BadVideo(f"{path}: is cut off after {float(end):.1f} of {float(declared):.1f} s; {WAY_OUT}")


def _damage(path: pathlib.Path, end: Fraction) -> BadVideo:
    return BadVideo(f"{path}: is damaged at about {float(end):.1f} s; {WAY_OUT}")


def _declared_end(container: Any, stream: Any) -> Fraction:
    """Returns the end of the file by its header, in seconds; 0 if the header does not say."""
    if container.format.name == "avi":
        return stream.frames * stream.time_base
    if container.format.name in STATE_DURATION:
        return Fraction(container.duration or 0, av.time_base)
    return Fraction(0)


def _index_ends_beyond(stream: Any, size: int) -> bool:
    """Returns whether the index (MP4, MOV, AVI) points past the end of the file: the one exact sign of a cut."""
    return any(entry.pos + entry.size > size for entry in stream.index_entries)


def _time_frames(frames: Iterable[Any], step: Fraction) -> Iterator[tuple[Fraction, Fraction, Any]]:
    """Yields when each frame appears and disappears, in seconds from the first one's appearance, and the frame.

    A frame without a timestamp, or whose clock jumps back, appears `step` after the frame before it.
    """
    start, origin, shown = Fraction(0), None, None
    for frame in frames:
        stamp = frame.dts if frame.pts is None else frame.pts
        clock = None if stamp is None else stamp * frame.time_base
        time = start if shown is None else start + step
        if clock is not None and origin is not None and clock - origin >= start:
            time = clock - origin
        if shown is not None:
            yield start, time, shown
        if clock is not None:
            origin = clock - time
        start, shown = time, frame
    if shown is not None:
        yield start, start + ((shown.duration or 0) * shown.time_base or step), shown


def _take_samples(
    shown: Iterable[tuple[Fraction, Fraction, Any]], rate: Fraction, slack: Fraction
) -> Iterator[tuple[Fraction, Any]]:
    """Yields the frames that are on screen at a multiple of 1 / rate, once each, and when they appear."""
    sample = 0
    for start, stop, frame in shown:
        if sample / rate < stop - slack:
            yield start, frame
            sample = math.ceil((stop - slack) * rate)


class _Shrinker:
    """Squashes frames to an upright SDR square. Keeps swscale's tables from frame to frame."""

    def __init__(self, side: int) -> None:
        self._side, self._sdr, self._hdr = side, VideoReformatter(), colour.HdrShrinker()

    def shrink(self, frame: Any) -> np.ndarray:
        shrinks = self._side <= min(frame.width, frame.height)
        interpolation = (Interpolation.AREA if shrinks else Interpolation.BICUBIC) | EXACT
        if frame.color_trc in colour.TRANSFERS:
            image = self._hdr.shrink(frame, self._side, interpolation)
        else:
            small = self._sdr.reformat(frame, self._side, self._side, "rgb24", interpolation=interpolation, threads=1)
            image = small.to_ndarray()
        return _turn_upright(image, frame)


def _turn_upright(image: np.ndarray, frame: Any) -> np.ndarray:
    """Applies the display matrix [a b u; c d v; x y w]: column' = a column + c row, row' = b column + d row."""
    # Not `frame.side_data`: it and its frame hold each other, so that hundreds of full-size frames would wait for
    # the garbage collector.
    matrix = _SIDE_DATA(frame).get("DISPLAYMATRIX")
    if matrix is None:
        return image
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].tolist()
    if abs(b) > abs(a):
        image, a, d = image.swapaxes(0, 1), c, b
    return np.ascontiguousarray(image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])
