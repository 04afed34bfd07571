"""The worlds of the bench of faults: real videos in the layout of a user's own, the same to the byte every time."""

import functools
import pathlib
from collections import Counter

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from bench.faults import digits, second, worlds
from bench.faults.sound import base, variation
from bench.faults.worlds import WORLDS, World
from dogjax.config import DataConfig, replace_fields
from dogjax.data.decode import decode_frames
from dogjax.data.prepare import prepare
from dogjax.data.sources.clips import find_clips
from dogjax.errors import UserError
from dogjax.world import film
from dogjax.world.setting import EMBEDDED

SHORT = {
    "drift": functools.partial(digits.write_digits, seconds=2),
    "second": functools.partial(film.render_clips, recordings=film.world(second.SETTING)[::7], seconds=2),
    "noise": functools.partial(worlds.write_noise, seconds=2),
}
CLIPS = {"drift": 36, "second": 6, "noise": 36}


@pytest.fixture(scope="module", params=SHORT)
def short(request, tmp_path_factory):
    """The name of a world, and its videos of two seconds each, or some of them."""
    root = tmp_path_factory.mktemp(request.param)
    SHORT[request.param](root)
    return request.param, root


def test_every_world_is_listed_under_its_name():
    assert all(world.name == name and world.part in ("development", "test") for name, world in WORLDS.items())


def test_a_world_has_the_same_bytes_every_time(short, tmp_path):
    name, root = short
    SHORT[name](tmp_path)
    files = sorted(path.relative_to(root) for path in root.rglob("*.mp4"))
    assert all((root / file).read_bytes() == (tmp_path / file).read_bytes() for file in files)
    assert len({(root / file).read_bytes() for file in files}) == len(files) == CLIPS[name]


def test_a_world_is_prepared_like_a_user_s_own_videos(short, tmp_path):
    name, root = short
    config = DataConfig(source="videos", path=str(root), fps=0.5, image_size=16, cache_dir=str(tmp_path))
    description = prepare(config).description
    assert description["frames"] == len(description["recordings"]) == CLIPS[name]
    assert len(description["labels"]) == 3 and len(description["backgrounds"]) == 4
    assert set(WORLDS[name].alike) < set(description["labels"])
    assert not description["problems"] + description["notes"]


def test_each_class_has_three_recordings_in_each_of_four_places(short):
    name, root = short
    paths = [clip.name for clip in find_clips(root, "fail").clips]
    if name == "second":
        paths = [str(each.path) for each in film.world(second.SETTING)]
    counts = Counter(path.rsplit("/", 1)[0] for path in paths)
    assert len(counts) == 12 and set(counts.values()) == {3}


def test_ten_digits_show_a_writer_s_image_once(tmp_path):
    every = digits.recordings(digits.DIGITS)
    assert len({each.path for each in every}) == len({(each.label, each.sample) for each in every}) == 10 * 12
    digits.write_digits(tmp_path, ("five",), seconds=1)
    assert {clip.label for clip in find_clips(tmp_path, "fail").clips} == {"five"}


def test_the_second_world_shares_no_dog_and_no_place_with_the_first():
    assert not set(second.SETTING.looks) & set(EMBEDDED.looks)
    assert not set(second.SETTING.places) & set(EMBEDDED.places)
    assert second.SETTING.hand != EMBEDDED.hand


def test_noise_tells_no_class(tmp_path):
    SHORT["noise"](tmp_path)
    clips = find_clips(tmp_path, "fail").clips
    frames = [[frame.image for frame in decode_frames(clip.path, fps=2, image_size=16)] for clip in clips]
    pixels = np.asarray(frames, np.float32).reshape(len(clips), 4, -1)
    labels, halves = np.array([clip.label for clip in clips]), [slice(0, 2), slice(2, 4)]
    (seen, asked), truth = (pixels[:, half].reshape(72, -1) for half in halves), np.repeat(labels, 2)
    nearest = KNeighborsClassifier(1).fit(seen, truth)
    assert 0.2 < nearest.score(asked, truth) < 0.47  # chance: .33 with a standard deviation of .06


def test_real_clips_are_linked_and_read_in_place(real_clips, tmp_path, monkeypatch):
    monkeypatch.delenv(worlds.SHARED, raising=False)
    world = WORLDS["clips"]
    assert world.is_here()
    check_links(tmp_path, real_clips)


def test_clips_are_linked_where_the_variable_says(short, tmp_path, monkeypatch):
    monkeypatch.setenv(worlds.SHARED, str(tmp_path / "shared"))
    assert not WORLDS["clips"].is_here()
    given = sorted(short[1].rglob("*.mp4"))
    for label, clip in zip(("heeler_a", "heeler_b", "maltese"), given):
        folder = tmp_path / "shared" / worlds.CLIPS / "three" / label
        folder.mkdir(parents=True)
        (folder / "walkaround.mp4").write_bytes(clip.read_bytes())
    assert WORLDS["clips"].is_here()
    check_links(tmp_path, tmp_path / "shared" / "data" / "cop3d_dogs")
    for number, clip in enumerate(given[:6]):
        folder = tmp_path / "shared" / worlds.CLIPS / "thirty" / f"dog_{number}"
        folder.mkdir(parents=True)
        (folder / "walkaround.mp4").write_bytes(clip.read_bytes())
    drawn = [{clip.label for clip in find_clips(variation_path(n, tmp_path), "fail").clips} for n in (3, 4, 4, 5, 6)]
    assert drawn[0] == {"heeler_a", "heeler_b", "maltese"} and drawn[1] == drawn[2]
    assert all(len(dogs) == 3 and not dogs & drawn[0] for dogs in drawn[1:])
    assert len({frozenset(dogs) for dogs in drawn}) == 4


def variation_path(number, cache):
    """The videos of a sound run on clips."""
    config = replace_fields(base(WORLDS["clips"], cache, 1), variation("clips", number, cache))
    return pathlib.Path(config.data.path)


def check_links(cache, folder):
    """The clips of the world are links into a folder, and are prepared."""
    root = worlds.videos(WORLDS["clips"], cache)
    clips = find_clips(root, "fail").clips
    assert [clip.label for clip in clips] == ["heeler_a", "heeler_b", "maltese"]
    assert all(clip.path.is_symlink() and clip.path.resolve().is_relative_to(folder.resolve()) for clip in clips)
    config = DataConfig(source="videos", path=str(root), fps=0.5, image_size=16, cache_dir=str(cache / "cache"))
    assert prepare(config).description["frames"] >= 3


def test_videos_are_written_once(tmp_path):
    asked = []
    world = World("few", "test", "two files", lambda root: asked.append((root / "file").write_text("here")))
    assert worlds.videos(world, tmp_path) == worlds.videos(world, tmp_path) == tmp_path / "few-1"
    assert len(asked) == 1 and (tmp_path / "few-1" / "file").read_text() == "here"


def test_a_world_that_is_not_here_is_refused(tmp_path):
    world = World("away", "test", "nothing", lambda root: None, is_here=lambda: False)
    with pytest.raises(UserError, match="away"):
        worlds.videos(world, tmp_path)
