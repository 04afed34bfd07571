"""A folder of videos: finds the clips, decodes them on all cores, and gives their frames."""

import dataclasses
import pathlib
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

import av
import numpy as np
from tqdm import tqdm

from dogjax.config import DataConfig
from dogjax.data import decode
from dogjax.data.builder import Example, write_dataset
from dogjax.data.decode import BadVideo, decode_frames, describe_recording
from dogjax.data.sources.clips import Clip, find_clips
from dogjax.data.sources.source import FORMATS, Source
from dogjax.errors import UserError
from dogjax.files import expand_path, write_json
from dogjax.workers import map_on_all_cores


def open_source(config: DataConfig, cache: pathlib.Path) -> Source:
    """Opens the folder `data.path`."""
    del cache
    return open_folder(expand_path("data.path", config.path), config)


def open_folder(root: pathlib.Path, config: DataConfig) -> Source:
    """Opens a folder of videos, in any of the layouts that `clips.find_clips` knows."""
    found = find_clips(root, config.on_bad_video)
    content = {
        "decoder": [decode.VERSION, av.library_versions],
        "fps": config.fps,
        "clips": [
            [clip.name, clip.label, clip.recording, clip.background, clip.sha256, clip.groups] for clip in found.clips
        ],
    }

    def write(folder: pathlib.Path) -> list[str]:
        return _write(folder, found.clips, root, config)

    return Source(content, write, found.problems, found.notes)


def _write(folder: pathlib.Path, clips: list[Clip], root: pathlib.Path, config: DataConfig) -> list[str]:
    with tempfile.TemporaryDirectory(dir=folder) as spool:
        decoded = _decode_all(clips, pathlib.Path(spool), config)
        problems = [str(bad) for bad in decoded if isinstance(bad, BadVideo)]
        good = [(clip, spooled) for clip, spooled in zip(clips, decoded) if isinstance(spooled, _Spooled)]
        starts = _starts(good, 1 / config.fps)
        left = {clip.label for clip, _ in good}
        for clip, problem in zip(clips, decoded):
            if clip.label not in left:
                raise UserError(
                    f"{root}: no video of class '{clip.label}' can be read ({problem}); mend them, or remove the class"
                )
        examples = (
            example
            for start, (clip, spooled) in zip(starts, good)
            for example in _examples(clip, start, spooled, config)
        )
        total = sum(len(spooled.times) for _, spooled in good)
        bar = tqdm(examples, "writing frames", total, unit=" frames", disable=None)
        names = sorted({clip.label for clip in clips})
        write_dataset(folder, bar, names, config.image_size, sorted(clips[0].groups))
    formats: dict[str, dict[str, Any]] = {}
    for clip, spooled in good:
        formats.setdefault(clip.recording, spooled.format)
    write_json(folder / FORMATS, formats)
    return problems


@dataclasses.dataclass(frozen=True)
class _Spooled:
    """The frames of one clip: raw pixels in a file, so that a long clip never sits in memory.

    `format`: what `decode.describe_recording` returns.
    """

    path: pathlib.Path
    format: dict[str, Any]
    times: list[float]
    sharpness: list[float]


def _decode_all(clips: list[Clip], spool: pathlib.Path, config: DataConfig) -> list[_Spooled | BadVideo]:
    """Decodes on all cores. A bad clip stops the work, or is returned as its error."""

    def decode(number: int, stop: threading.Event) -> _Spooled | BadVideo:
        try:
            return _decode(clips[number].path, spool / str(number), config, stop)
        except BadVideo as error:
            if config.on_bad_video == "fail":
                raise
            return error

    with tqdm(total=len(clips), desc="decoding clips", unit=" clips", disable=None) as bar:
        return map_on_all_cores(decode, range(len(clips)), bar.update)


def _decode(path: pathlib.Path, target: pathlib.Path, config: DataConfig, stop: threading.Event) -> _Spooled:
    """Decodes to the end of the clip, or until `stop` is set because nobody needs the frames any more."""
    spooled = _Spooled(target, describe_recording(path), [], [])
    with target.open("wb") as file:
        for frame in decode_frames(path, fps=config.fps, image_size=config.image_size):
            if stop.is_set():
                break
            file.write(frame.image.tobytes())
            spooled.times.append(frame.time)
            spooled.sharpness.append(frame.sharpness)
    return spooled


def _starts(decoded: list[tuple[Clip, _Spooled]], seconds_a_frame: float) -> list[float]:
    """Returns when each clip begins in its recording, in seconds: the clips of a recording follow one another."""
    ends: dict[str, float] = {}
    starts = []
    for clip, spooled in decoded:
        starts.append(ends.get(clip.recording, 0.0))
        ends[clip.recording] = starts[-1] + spooled.times[-1] + seconds_a_frame
    return starts


def _examples(clip: Clip, start: float, spooled: _Spooled, config: DataConfig) -> Iterator[Example]:
    shape = (len(spooled.times), config.image_size, config.image_size, 3)
    images = np.memmap(spooled.path, np.uint8, "r", shape=shape)
    # Milliseconds tell frames apart, but for those of a clip whose clock stumbles.
    distinct = len({f"{time:.3f}" for time in spooled.times}) == len(spooled.times)
    form = "010.3f" if distinct else "013.6f"
    for image, time, sharpness in zip(images, spooled.times, spooled.sharpness):
        yield Example(
            frame_id=f"{clip.name}@{time:{form}}",
            image=np.asarray(image),
            label=clip.label,
            recording=clip.recording,
            background=clip.background,
            time=start + time,
            sharpness=sharpness,
            groups=clip.groups,
        )
    spooled.path.unlink()
