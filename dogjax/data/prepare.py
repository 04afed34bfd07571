"""Videos or a catalogue dataset -> a dataset of frames on the disk, once, under a fingerprint.

The fingerprint covers the content (bytes of every clip, labels, groups), and the settings and decoder
versions that change a pixel, so a cached dataset is never stale. A dataset appears by one rename when
it is complete; two processes that want the same one wait for each other.
"""

import contextlib
import dataclasses
import fcntl
import os
import pathlib
import shutil
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

import av
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from dogjax.config import DataConfig
from dogjax.data import catalogue, synthetic
from dogjax.data.builder import Example, dataset_folder, read_index, write_dataset
from dogjax.data.clips import Clip, find_clips
from dogjax.data.decode import BadVideo, decode_frames
from dogjax.data.workers import map_on_all_cores
from dogjax.errors import UserError
from dogjax.files import expand_path, read_json, replacing_folder, sha256_of_json, write_json

FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A dataset of frames: its folder, its fingerprint, and what was left out of it, in words."""

    folder: pathlib.Path
    fingerprint: str
    problems: list[str]

    def describe(self) -> dict[str, Any]:
        """The content of `dataset.json`."""
        index = read_index(self.folder)
        names = [str(name) for name in index["label_names"]]
        counts = np.bincount(index["label"], minlength=len(names))
        return {
            "fingerprint": self.fingerprint,
            "tfds_folder": str(dataset_folder(self.folder)),
            "frames": len(index["frame_id"]),
            "labels": {name: int(count) for name, count in zip(names, counts)},
            "recordings": sorted({str(name) for name in index["recording"]} - {""}),
            "backgrounds": sorted({str(name) for name in index["background"]} - {""}),
            "problems": self.problems,
        }


def prepare(config: DataConfig) -> Prepared:
    """The dataset that `config` names, made if it is not in the cache.

    Raises:
      UserError: the source cannot be read; with `on_bad_video=skip` a bad clip is left out instead,
        and named in `problems`.
    """
    cache = cache_folder(config)
    if config.source == "tfds":
        fingerprint, make, problems = _catalogue_source(config)
    else:
        fingerprint, make, problems = _video_source(config, cache)
    folder = cache / "frames" / fingerprint
    with _locked(folder):
        if not folder.exists():
            with replacing_folder(folder) as temporary:
                make(temporary)
    problems = problems + read_json(folder / "problems.json")
    if problems and config.on_bad_video == "fail":
        raise UserError(problems[0])
    for problem in problems:
        tqdm.write(f"left out: {problem}")
    return Prepared(folder, fingerprint, problems)


def cache_folder(config: DataConfig) -> pathlib.Path:
    """Where prepared datasets are kept."""
    if config.cache_dir:
        return expand_path("data.cache_dir", config.cache_dir).resolve()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return pathlib.Path(base).expanduser().resolve() / "dogjax"


def _catalogue_source(config: DataConfig):
    builder = catalogue.open_builder(config.name, config.path)
    identity = {
        "format": FORMAT,
        "decoder": tf.version.VERSION,
        "tfds": catalogue.identity(builder),
        "image_size": config.image_size,
    }

    def make(folder: pathlib.Path) -> None:
        bar = tqdm(catalogue.read_examples(builder, config.image_size), "reading frames", unit=" frames", disable=None)
        write_dataset(folder, bar, catalogue.label_names(builder), config.image_size)
        write_json(folder / "problems.json", [])

    return sha256_of_json(identity), make, []


def _video_source(config: DataConfig, cache: pathlib.Path):
    root = _synthetic_clips(cache) if config.source == "synthetic" else expand_path("data.path", config.path)
    clips, problems = find_clips(root, config.on_bad_video)
    identity = {
        "format": FORMAT,
        "decoder": av.library_versions,
        "fps": config.fps,
        "image_size": config.image_size,
        "clips": [[clip.name, clip.label, clip.recording, clip.background, clip.sha256] for clip in clips],
    }

    def make(folder: pathlib.Path) -> None:
        _write_videos(folder, clips, root, config)

    return sha256_of_json(identity), make, problems


def _synthetic_clips(cache: pathlib.Path) -> pathlib.Path:
    """The folder of the embedded clips, rendered if they are not there."""
    root = cache / f"synthetic-{synthetic.VERSION}"
    with _locked(root):
        if not root.exists():
            total = len(synthetic.world())
            with (
                replacing_folder(root) as temporary,
                tqdm(total=total, desc="rendering clips", unit=" clips", disable=None) as bar,
            ):
                synthetic.render_clips(temporary, bar.update)
    return root


def _write_videos(folder: pathlib.Path, clips: list[Clip], root: pathlib.Path, config: DataConfig) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as spool:
        decoded = _decode_all(clips, pathlib.Path(spool), config)
        problems = [str(each) for each in decoded if isinstance(each, BadVideo)]
        good = [(clip, each) for clip, each in zip(clips, decoded) if isinstance(each, _Spooled)]
        starts = _starts(good, 1 / config.fps)
        left = {clip.label for clip, _ in good}
        for clip, problem in zip(clips, decoded):
            if clip.label not in left:
                raise UserError(
                    f"{root}: no clip of dog '{clip.label}' can be read ({problem}); mend them, or remove the dog"
                )
        examples = (
            example for start, (clip, each) in zip(starts, good) for example in _examples(clip, start, each, config)
        )
        total = sum(len(each.times) for _, each in good)
        bar = tqdm(examples, "writing frames", total, unit=" frames", disable=None)
        write_dataset(folder, bar, sorted({clip.label for clip in clips}), config.image_size)
    write_json(folder / "problems.json", problems)


@dataclasses.dataclass(frozen=True)
class _Spooled:
    """The frames of one clip: raw pixels in a file, so that a long clip never sits in memory."""

    path: pathlib.Path
    times: list[float]
    sharpness: list[float]


def _decode_all(clips: list[Clip], spool: pathlib.Path, config: DataConfig) -> list[_Spooled | BadVideo]:
    """Decodes on all cores. A clip that turns out bad stops the work, or is returned as its error."""

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
    """Decodes to the end of the clip; or until `stop`, when nobody wants the frames any more."""
    spooled = _Spooled(target, [], [])
    with target.open("wb") as file:
        for frame in decode_frames(path, fps=config.fps, image_size=config.image_size):
            if stop.is_set():
                break
            file.write(frame.image.tobytes())
            spooled.times.append(frame.time)
            spooled.sharpness.append(frame.sharpness)
    return spooled


def _starts(decoded: list[tuple[Clip, _Spooled]], seconds_a_frame: float) -> list[float]:
    """When each clip begins in its recording, in seconds: the clips of one recording follow one another."""
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
        frame_id = f"{clip.name}@{time:{form}}"
        yield Example(frame_id, np.asarray(image), clip.label, clip.recording, clip.background, start + time, sharpness)
    spooled.path.unlink()


@contextlib.contextmanager
def _locked(folder: pathlib.Path) -> Iterator[None]:
    """Holds the lock of a cache entry, and clears what a killed process left half-made."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        file = (folder.parent / f"{folder.name}.lock").open("w")
    except OSError as error:
        raise UserError(
            f"data.cache_dir: cannot write to {folder.parent} ({error.strerror}); set --config.data.cache_dir"
        ) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for stale in folder.parent.glob(f".{folder.name}.*.tmp"):
            shutil.rmtree(stale, ignore_errors=True)
        yield
