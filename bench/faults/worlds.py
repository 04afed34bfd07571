"""The worlds of videos that faults are planted in: some to set a diagnosis on, others kept to test it on."""

import dataclasses
import os
import pathlib
import zlib
from collections.abc import Callable, Iterator

import numpy as np

from bench.faults import digits, second
from bench.faults.refilm import refilm, unchanged
from dogjax.data.cache import locked
from dogjax.errors import UserError
from dogjax.files import replacing_folder
from dogjax.workers import map_on_all_cores
from dogjax.world import film
from dogjax.world.video import write_video

NOISE_CLASSES = ("ash", "birch", "cedar")
NOISE_PLACES = ("north", "east", "south", "west")
NOISE_FPS = 2
NOISE_SIZE = 64  # pixels
NOISE_BLOCKS = (2, 4, 8, 16)  # pixels
# Real clips lie in `shared/` beside the project's folder, or where this variable says that `shared/` is.
SHARED = "DOGJAX_SHARED"
CLIPS = pathlib.PurePath("data", "cop3d_dogs")


def _always() -> bool:
    return True


@dataclasses.dataclass(frozen=True)
class World:
    """Videos with a class, a place and a recording each.

    Attributes:
      name: its key in `WORLDS`.
      part: "development" or "test".
      what: one line for a reader.
      write: fills an empty folder with `ROOT/<class>/<place>/<recording>.mp4`, or another layout that dogjax reads;
        the same bytes every time.
      alike: classes that look alike, as `data.merge_labels` takes them.
      is_short: whether a clip lasts seconds, so that runs take all its frames.
      version: changes with what `write` writes.
      true: causes that hold of every run in it, so that naming one accuses nobody.
      is_here: whether what it is made of is on this machine.
    """

    name: str
    part: str
    what: str
    write: Callable[[pathlib.Path], None]
    alike: tuple[str, ...] = ()
    version: int = 1
    is_short: bool = False
    true: frozenset[str] = frozenset()
    is_here: Callable[[], bool] = _always


def videos(world: World, cache: pathlib.Path) -> pathlib.Path:
    """Returns the folder of a world's videos below `cache`, written if they are not there.

    Raises:
      UserError: what the world is made of is not on this machine.
    """
    root = cache / f"{world.name}-{world.version}"
    with locked(root):
        if not root.exists():
            if not world.is_here():
                raise UserError(f"world '{world.name}': what it is made of is not on this machine; leave it out")
            with replacing_folder(root) as temporary:
                world.write(temporary)
    return root


def sampled_videos(world: World, cache: pathlib.Path) -> pathlib.Path:
    """Returns the folder of a world's videos at the frame rate that runs take: the same frames, decoded far sooner.

    Short clips stay as they are.
    """
    if world.is_short:
        return videos(world, cache)
    root = cache / f"{world.name}-{world.version}-sampled"
    if root.exists():
        return root  # without waiting for a lock that another lane has
    with locked(root):
        if not root.exists():
            whole = videos(world, cache)
            with replacing_folder(root) as temporary:
                for source in sorted(whole.rglob("*.mp4")):
                    target = temporary / source.relative_to(whole)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    refilm(source, target, unchanged)
    return root


def write_noise(root: pathlib.Path, seconds: int = film.SECONDS) -> None:
    """Videos of noise, sorted into folders: nothing in a frame tells its class, its place or its recording."""
    paths = [
        pathlib.PurePosixPath(label, place, f"{name}.mp4")
        for label in NOISE_CLASSES
        for place in NOISE_PLACES
        for name in film.RECORDINGS
    ]
    size = (NOISE_SIZE, NOISE_SIZE)
    map_on_all_cores(
        lambda path, _: write_video(root / path, _noise(str(path), seconds * NOISE_FPS), NOISE_FPS, size), paths
    )


def _noise(name: str, frames: int) -> Iterator[np.ndarray]:
    """Blocks of random colours, of another size in each frame."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    for _ in range(frames):
        block = int(rng.choice(NOISE_BLOCKS))
        colours = rng.integers(256, size=(NOISE_SIZE // block, NOISE_SIZE // block, 3), dtype=np.uint8)
        yield np.kron(colours, np.ones((block, block, 1), np.uint8))


def clips_are_here() -> bool:
    """Whether the real clips are on this machine."""
    return _real_clips().is_dir()


def link_clips(root: pathlib.Path) -> None:
    """Links to the real clips, which may be read but not copied: `root/<dog>/<recording>.mp4`, one clip a dog."""
    for clip in sorted(_real_clips().glob("three/*/*.mp4")):
        _link(clip, root)


def three_of_thirty(number: int, cache: pathlib.Path) -> pathlib.Path:
    """Returns a folder below `cache` with links to the real clips of three dogs out of thirty, drawn by `number`."""
    root = cache / f"clips-thirty-{number}"
    with locked(root):
        if not root.exists():
            clips = sorted(_real_clips().glob("thirty/*/*.mp4"))
            with replacing_folder(root) as temporary:
                for chosen in np.random.default_rng(number).choice(len(clips), 3, replace=False):
                    _link(clips[chosen], temporary)
    return root


def _link(clip: pathlib.Path, root: pathlib.Path) -> None:
    link = root / clip.parent.name / clip.name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(clip.resolve())


def _real_clips() -> pathlib.Path:
    beside = pathlib.Path(__file__).resolve().parents[2].parent / "shared"
    return pathlib.Path(os.environ.get(SHARED) or beside).expanduser() / CLIPS


_ALL = (
    World(
        "embedded", "development", "three dogs in four places", film.render_clips, ("biscuit", "toffee"), film.VERSION
    ),
    World(
        "drift",
        "development",
        "three digits that wander over photographs",
        digits.write_digits,
        digits.ALIKE,
        digits.VERSION,
    ),
    World(
        "second",
        "test",
        "three other dogs in four other places, filmed by another hand",
        second.write_second,
        second.ALIKE,
        second.SETTING.version,
    ),
    World(
        "noise",
        "test",
        "random blocks of colour, labels by folder alone",
        write_noise,
        true=frozenset({"not_learning"}),
    ),
    World(
        "clips",
        "test",
        "a phone clip of each of three real dogs, the camera walking round it; half of the sound runs: three others",
        link_clips,
        ("heeler_a", "heeler_b"),
        is_short=True,
        # One recording a dog, on a lawn of its own: sides are seconds apart, and the lawn tells the dog.
        true=frozenset({"leaky_split", "background_confound", "recording_format"}),
        is_here=clips_are_here,
    ),
)
WORLDS = {world.name: world for world in _ALL}
