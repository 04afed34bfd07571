"""A frame a second out of every embedded clip, 64 x 64 pixels: dogjax's decoder and the ffmpeg program."""

import pathlib
import subprocess
import threading
import time
from collections.abc import Callable

from dogjax.data.workers import map_on_all_cores

from dogjax.config import DataConfig
from dogjax.data.cache import cache_folder
from dogjax.data.decode import decode_frames
from dogjax.data.prepare import prepare
from dogjax.world import film

SIDE = 64


def _clips() -> list[pathlib.Path]:
    """The embedded clips, rendered if they are not there."""
    prepare(DataConfig())
    return sorted((cache_folder(DataConfig()) / f"synthetic-{film.VERSION}").rglob("*.mp4"))


def _timed(extract: Callable[[list[pathlib.Path]], None]) -> Callable[[], float]:
    clips = _clips()

    def lap() -> float:
        started = time.perf_counter()
        extract(clips)
        return (time.perf_counter() - started) / len(clips)

    return lap


def dogjax() -> Callable[[], float]:
    """Seconds a clip, damage looked for and sharpness measured."""
    return _timed(lambda clips: list(map_on_all_cores(_extract, clips)))


def _extract(clip: pathlib.Path, _: threading.Event) -> int:
    return sum(1 for _ in decode_frames(clip, fps=1, image_size=SIDE))


def ffmpeg() -> Callable[[], float]:
    """Seconds a clip, each decoded by as many threads as ffmpeg chooses; nothing is written."""
    import imageio_ffmpeg

    program = imageio_ffmpeg.get_ffmpeg_exe()
    sizes = f"fps=1,scale={SIDE}:{SIDE}:flags=area,format=rgb24"

    def extract(clips: list[pathlib.Path]) -> None:
        for clip in clips:
            command = [program, "-loglevel", "error", "-i", str(clip), "-vf", sizes, "-f", "rawvideo", "-"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    return _timed(extract)
