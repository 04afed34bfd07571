"""Videos become one dataset of frames: once, whole, the same after any interruption, and readable by `tfds` alone."""

import dataclasses
import errno
import fcntl
import pathlib
import shutil
import signal
import subprocess
import sys

import av
import numpy as np
import pytest
import tensorflow_datasets as tfds

from dogjax.config import DataConfig, SplitConfig
from dogjax.data import frames, prepare
from dogjax.data.audit import audit_split
from dogjax.data.decode import BadVideo, decode_frames, describe_recording, measure_sharpness
from dogjax.data.frames import DiskImages, MemoryImages, open_images
from dogjax.data.sources import videos as videos_source
from dogjax.data.splits import split_frames
from dogjax.data.table import load_frames, read_index
from dogjax.errors import UserError
from dogjax.files import read_json
from dogjax.prng import Streams
from tests.data.videos import busy_pictures, cut, number_in, picture_of, write_video

ROOT = pathlib.Path(__file__).parents[2]
SIZE = 16
DOGS = ("Mr. Brown", "Žofie", "犬")
# The first colour of each clip; a clip shows 15 pictures, 5 a second.
CLIPS = {
    "Mr. Brown/back yard/take 1.mp4": 0,
    "Mr. Brown/Küche/Übung №2.mkv": 15,
    "Žofie/back yard/a:b.mov": 30,
    "犬/公園/散歩.mp4": 45,
}


def make_videos(root: pathlib.Path) -> pathlib.Path:
    for name, first in CLIPS.items():
        write_video(root / name, [picture_of(first + n) for n in range(15)], rate=5)
    return root


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return make_videos(tmp_path_factory.mktemp("videos"))


def config_of(root, cache, **fields):
    fields = {"source": "videos", "path": str(root), "cache_dir": str(cache), "image_size": SIZE, **fields}
    return DataConfig(**fields)


@pytest.fixture(scope="module")
def prepared(videos, tmp_path_factory):
    """In a cache whose name has a space, brackets and an accent."""
    return prepare.prepare(config_of(videos, tmp_path_factory.mktemp("cache") / "Mé [cache] *"))


@pytest.fixture
def own_videos(videos, tmp_path):
    return pathlib.Path(shutil.copytree(videos, tmp_path / "videos"))


@pytest.fixture
def decoded(monkeypatch):
    """The names of the clips that were decoded, as they are."""
    names = []

    def watched(path, **options):
        names.append(path.name)
        return decode_frames(path, **options)

    monkeypatch.setattr(videos_source, "decode_frames", watched)
    return names


def content(folder):
    """Everything that a dataset holds, by frame."""
    table = load_frames(folder, ())
    images = open_images(table, SIZE).read(np.arange(len(table)))
    columns = [getattr(table, name).tolist() for name in ("frame_id", "label", "recording", "background", "time")]
    return table.label_names, columns, table.sharpness.tobytes(), images.tobytes()


def nothing_half_made(cache):
    """The cache holds whole datasets and locks alone."""
    left = [path.name for path in (cache / "frames").iterdir() if path.suffix != ".lock"]
    return all(len(name) == 64 for name in left) and not list(cache.rglob("*.tmp"))


def test_any_tfds_user_can_load_the_frames_with_every_column_right(prepared):
    builder = tfds.builder_from_directory(prepared.describe()["tfds_folder"])
    names = builder.info.features["label"].names
    assert names == list(DOGS)
    source = builder.as_data_source(split="frames")
    rows = [source[number] for number in range(len(source))]
    assert len(rows) == builder.info.splits["frames"].num_examples == 12
    seen = {}
    for row in rows:
        assert row["image"].shape == (SIZE, SIZE, 3) and row["image"].dtype == np.uint8
        name, second = row["frame_id"].decode().split("@")
        dog, background, _ = name.split("/")
        assert second == f"{row['time']:010.3f}"
        assert names[row["label"]] == dog
        assert row["background"].decode() == background
        assert row["recording"].decode() == str(pathlib.PurePosixPath(name).with_suffix(""))
        assert row["sharpness"] == np.float32(measure_sharpness(row["image"]))
        seen.setdefault(name, []).append((row["time"], number_in(row["image"]) - CLIPS[name]))
    # A frame a second of a clip of five frames a second.
    assert {name: sorted(pairs) for name, pairs in seen.items()} == {name: [(0, 0), (1, 5), (2, 10)] for name in CLIPS}


def test_the_table_is_in_the_order_of_frame_ids_and_shows_the_same_pixels(prepared, videos):
    table = load_frames(prepared.folder, ())
    assert table.label_names == DOGS
    expected = [f"{name}@{second:06d}.000" for name in sorted(CLIPS) for second in range(3)]
    assert table.ids(np.arange(12)) == expected
    assert np.bincount(table.label).tolist() == [6, 3, 3]
    images = open_images(table, SIZE).read(np.arange(12))
    direct = [f.image for name in sorted(CLIPS) for f in decode_frames(videos / name, fps=1, image_size=SIZE)]
    assert np.array_equal(images, direct)


def test_the_description_counts_frames_and_names_groups(prepared):
    description = prepared.describe()
    assert description["frames"] == 12
    assert description["labels"] == {"Mr. Brown": 6, "Žofie": 3, "犬": 3}
    assert description["backgrounds"] == ["Küche", "back yard", "公園"]
    assert len(description["recordings"]) == 4
    assert description["problems"] == []
    assert description["fingerprint"] == prepared.folder.name


def test_the_format_of_every_recording_is_kept_with_the_dataset(prepared, videos):
    formats = prepared.describe()["formats"]
    assert formats == read_json(prepared.folder / "recordings.json")
    assert sorted(formats) == prepared.describe()["recordings"]
    for name in CLIPS:
        (recording,) = (recording for recording in formats if recording in name)
        assert formats[recording] == describe_recording(videos / name)


def test_a_recording_of_several_clips_has_the_format_of_its_first_one(tmp_path):
    for number, rate in enumerate((5, 10, 10, 5)):
        write_video(tmp_path / f"videos/{number}.mkv", [picture_of(number)] * 5, rate=rate)
    (tmp_path / "videos/clips.csv").write_text("path,label,recording\n0.mkv,a,x\n1.mkv,a,x\n2.mkv,b,y\n3.mkv,b,y\n")
    formats = prepare.prepare(config_of(tmp_path / "videos", tmp_path / "cache")).describe()["formats"]
    assert {name: recording["frame_rate"] for name, recording in formats.items()} == {"x": 5, "y": 10}


def test_frames_beyond_the_memory_budget_are_read_from_the_disk_and_are_the_same(prepared, monkeypatch):
    table = load_frames(prepared.folder, ())
    in_memory = open_images(table, SIZE)
    monkeypatch.setattr(frames, "MEMORY_BUDGET", 12 * SIZE * SIZE * 3 - 1)
    on_disk = open_images(table, SIZE)
    assert (type(in_memory), type(on_disk)) == (MemoryImages, DiskImages)
    some = np.array([11, 0, 5, 5, 3])
    assert np.array_equal(in_memory.read(some), on_disk.read(some))
    assert np.array_equal(in_memory.gather(some), on_disk.gather(some))
    monkeypatch.setattr(frames, "MEMORY_BUDGET", 12 * SIZE * SIZE * 3)
    assert type(open_images(table, SIZE)) is MemoryImages


def test_prepared_frames_are_found_in_the_cache(videos, tmp_path, decoded):
    first = prepare.prepare(config_of(videos, tmp_path))
    assert len(decoded) == 4
    assert prepare.prepare(config_of(videos, tmp_path)) == first
    assert len(decoded) == 4


def test_the_fingerprint_follows_content_and_settings_but_not_the_place(videos, own_videos, tmp_path, monkeypatch):
    monkeypatch.setattr(videos_source, "write_dataset", lambda *_: None)
    monkeypatch.setattr(prepare, "_describe", lambda *_: {"problems": [], "notes": []})

    def fingerprint(root=own_videos, **fields):
        return prepare.prepare(config_of(root, tmp_path / "cache", **fields)).fingerprint

    original = fingerprint()
    assert fingerprint(videos) == original
    assert fingerprint(on_bad_video="skip", scale="unit", merge_labels=DOGS[:2]) == original
    changed = [fingerprint(fps=2.0), fingerprint(image_size=17)]
    clip = own_videos / "犬/公園/散歩.mp4"
    clip.rename(clip.with_name("x.mp4"))
    changed.append(fingerprint())
    clip.with_name("x.mp4").rename(clip)
    assert fingerprint() == original
    write_video(clip, busy_pictures(5))
    changed.append(fingerprint())
    (own_videos / "犬").rename(own_videos / "dog")
    changed.append(fingerprint())
    assert len({original, *changed}) == 6


def test_clips_of_one_recording_follow_one_another(tmp_path):
    for number in range(3):
        write_video(tmp_path / f"v/{number}.mp4", busy_pictures(15, seed=number), rate=5)
    (tmp_path / "v/clips.csv").write_text(
        "path,label,recording\n0.mp4,ash,walk\n1.mp4,ash,walk\n2.mp4,bea,other\n", encoding="utf-8"
    )
    made = prepare.prepare(config_of(tmp_path / "v", tmp_path / "cache", fps=2.0))
    table = load_frames(made.folder, ())
    times = [table.time[table.recording == name].tolist() for name in ("walk", "other")]
    # At two samples a second of five frames a second: what is on screen at 0, 0.5, 1, ... began at 0, 0.4, 1, ...
    one = [0, 0.4, 1, 1.4, 2, 2.4]
    assert times == [pytest.approx(one + [time + 2.9 for time in one]), pytest.approx(one)]
    assert table.ids(np.array([6]))[0] == "1.mp4@000000.000"


def test_times_keep_their_microseconds_in_long_recordings(tmp_path):
    """0.1 s is no sum of powers of two, and 32 bits would leave 61 microseconds between times."""
    for number, dog in enumerate(("ash", "bea")):
        write_video(tmp_path / f"v/{dog}/long.mkv", busy_pictures(3, seed=number), times=[0, 0.1, 600.1])
    table = load_frames(prepare.prepare(config_of(tmp_path / "v", tmp_path / "cache", fps=10.0)).folder, ())
    assert table.time.tolist() == [0, 0.1, 600.1] * 2


def test_frames_in_one_millisecond_have_ids_of_their_own(tmp_path):
    times = [0, 0.9998, 1.0002, 3]
    path = write_video(tmp_path / "v/ash/stumbles.mp4", 4, times=times)
    write_video(tmp_path / "v/bea/steady.mp4", 2)
    assert len(list(decode_frames(path, fps=1, image_size=SIZE))) == 4
    table = load_frames(prepare.prepare(config_of(tmp_path / "v", tmp_path / "cache")).folder, ())
    ids = [frame_id.split("@")[1] for frame_id in table.ids(np.arange(len(table)))]
    assert ids == ["000000.000000", "000000.999800", "000001.000200", "000003.000000", "000000.000"]


def test_a_bad_clip_is_an_error_that_leaves_nothing_behind(own_videos, tmp_path):
    bad = cut(own_videos / "犬/公園/散歩.mp4", 0.5)
    with pytest.raises(BadVideo, match=r"散歩.mp4: is cut off, its index \(moov\) is missing"):
        prepare.prepare(config_of(own_videos, tmp_path / "cache"))
    assert bad.exists()
    assert [path.suffix for path in (tmp_path / "cache/frames").iterdir()] == [".lock"]


def test_a_failure_while_writing_leaves_nothing_behind(videos, tmp_path, monkeypatch):
    monkeypatch.setattr(prepare, "write_json", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        prepare.prepare(config_of(videos, tmp_path / "cache"))
    assert [path.suffix for path in (tmp_path / "cache/frames").iterdir()] == [".lock"]


def test_a_bad_clip_is_left_out_and_reported_where_asked(own_videos, tmp_path, decoded):
    cut(write_video(own_videos / "犬/公園/cut.mp4", busy_pictures(20)), 0.5)
    (own_videos / "犬/公園/empty.mp4").touch()
    skip = config_of(own_videos, tmp_path / "cache", on_bad_video="skip")
    made = prepare.prepare(skip)
    assert made.describe()["labels"] == {"Mr. Brown": 6, "Žofie": 3, "犬": 3}
    said = "empty.mp4: is empty", "cut.mp4: is cut off"
    assert all(text in problem for text, problem in zip(said, made.problems, strict=True))
    # From the cache, too; and there, too, `fail` is an error.
    count = len(decoded)
    assert prepare.prepare(skip) == made
    (own_videos / "犬/公園/empty.mp4").unlink()
    with pytest.raises(UserError, match=r"cut.mp4: is cut off"):
        prepare.prepare(dataclasses.replace(skip, on_bad_video="fail"))
    assert len(decoded) == count


def test_frames_before_the_damage_of_a_skipped_clip_are_left_out(own_videos, tmp_path):
    front = {"movflags": "faststart"}
    cut(write_video(own_videos / "犬/公園/cut.mp4", busy_pictures(40), container_options=front), 0.8)
    made = prepare.prepare(config_of(own_videos, tmp_path / "cache", on_bad_video="skip"))
    assert made.describe()["labels"]["犬"] == 3
    assert "cut.mp4: is " in made.problems[0]


def test_a_dog_whose_every_clip_is_bad_is_an_error_with_skip_too(own_videos, tmp_path):
    cut(write_video(own_videos / "Mr. Brown/Küche/cut.mp4", busy_pictures(20)), 0.5)
    cut(own_videos / "犬/公園/散歩.mp4", 0.5)
    with pytest.raises(UserError, match=r"no video of class '犬' can be read \(.*散歩.mp4: is cut off") as caught:
        prepare.prepare(config_of(own_videos, tmp_path / "cache", on_bad_video="skip"))
    assert type(caught.value) is UserError
    assert [path.suffix for path in (tmp_path / "cache/frames").iterdir()] == [".lock"]


def test_what_a_killed_process_left_is_cleared(videos, tmp_path, prepared):
    stale = tmp_path / "frames" / f".{prepared.fingerprint}.abc.tmp"
    other = tmp_path / "frames" / f".{'0' * 64}.abc.tmp"
    for folder in (stale / "spool", other):
        folder.mkdir(parents=True)
    made = prepare.prepare(config_of(videos, tmp_path))
    assert content(made.folder) == content(prepared.folder)
    # The other dataset may be in the making.
    assert not stale.exists() and other.exists()


def test_a_cache_that_cannot_be_written_is_an_error_that_names_the_flag(videos, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"data.cache_dir: cannot write to .*set --config.data.cache_dir"):
        prepare.prepare(config_of(videos, tmp_path / "file"))


def test_a_read_error_that_passes_is_not_remembered(own_videos, tmp_path, monkeypatch):
    skip, opened = config_of(own_videos, tmp_path / "cache", on_bad_video="skip"), av.open

    def fails(path, *args, **options):
        if path.endswith("散歩.mp4"):
            raise av.error.OSError(errno.EIO, "Input/output error", path)
        return opened(path, *args, **options)

    write_video(own_videos / "犬/公園/other.mp4", busy_pictures(5))
    monkeypatch.setattr(av, "open", fails)
    with pytest.raises(
        UserError, match=r"散歩.mp4: cannot be read \(Input/output error\); start the same command again"
    ):
        prepare.prepare(skip)
    monkeypatch.undo()
    made = prepare.prepare(skip)
    assert made.problems == [] and made.describe()["labels"]["犬"] > 3


@pytest.mark.parametrize("damage", ["truncated", "missing", "index"])
def test_a_cached_dataset_that_is_not_whole_is_made_again(videos, tmp_path, prepared, capsys, damage):
    """As a power cut leaves one whose files were never flushed."""
    made = prepare.prepare(config_of(videos, tmp_path))
    records = max(made.folder.rglob("*"), key=lambda path: path.is_file() and "array_record" in path.name)
    broken = made.folder / "index.npz" if damage == "index" else records
    if damage == "missing":
        broken.unlink()
    else:
        broken.write_bytes(b"" if damage == "truncated" else bytes(broken.stat().st_size))
    again = prepare.prepare(config_of(videos, tmp_path))
    assert "is damaged: prepared again" in capsys.readouterr().out
    assert content(again.folder) == content(prepared.folder)


def test_a_damaged_record_is_one_sentence(videos, tmp_path):
    made = prepare.prepare(config_of(videos, tmp_path))
    for path in made.folder.rglob("*array_record*"):
        path.write_bytes(path.read_bytes()[:100] + bytes(path.stat().st_size - 100))
    with pytest.raises(UserError, match="these prepared frames are damaged; remove the folder"):
        open_images(load_frames(made.folder, ()), SIZE).read(np.arange(12))


def test_a_cache_without_locks_is_used_without(videos, tmp_path, prepared, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    other = tmp_path / "frames" / f".{prepared.fingerprint}.of_another.tmp"
    other.mkdir(parents=True)
    made = prepare.prepare(config_of(videos, tmp_path))
    assert content(made.folder) == content(prepared.folder)
    assert other.exists()  # another process may be making it


def test_a_column_of_the_list_is_a_group_that_a_split_keeps_together(own_videos, tmp_path):
    people = dict(zip(sorted(CLIPS), ("ann", "bob", "ann", "bob")))
    rows = [
        f'"{name}",{"ash" if number % 4 < 2 else "bea"},{person}'
        for number, (name, person) in enumerate(people.items())
    ]
    (own_videos / "clips.csv").write_text("path,label,person\n" + "\n".join(rows) + "\n")
    made = prepare.prepare(config_of(own_videos, tmp_path / "cache"))
    assert made.description["groups"] == {"person": ["ann", "bob"]}
    table = load_frames(made.folder, ())
    assert [people[name.split("@")[0]] for name in table.frame_id] == table.groups["person"].tolist()
    config = SplitConfig(strategy="person", folds=2)
    split = split_frames(table, config, Streams(0))
    sides = [set(table.groups["person"][frames]) for frames in (split.train, split.validation)]
    assert sorted(map(sorted, sides)) == [["ann"], ["bob"]]
    assert audit_split(table, split, config)["shared_groups"] == {}
    other = SplitConfig(strategy="recording", folds=2)
    audit = audit_split(table, split_frames(table, other, Streams(0)), other)
    assert all(f"Both sides show the {name}" in " ".join(audit["warnings"]) for name in audit["shared_groups"])
    with pytest.raises(UserError, match=r"split.strategy='persn': did you mean 'person'"):
        split_frames(table, SplitConfig(strategy="persn", folds=2), Streams(0))


# Processes of their own: each loads TensorFlow, and so they run side by side.

CHILD = """
import os, signal, sys
from dogjax.config import DataConfig
from dogjax.data import builder, prepare
from dogjax.data.sources import videos

root, cache, kill = sys.argv[1:]
decode_frames, text = videos.decode_frames, builder.Example._asdict
count = 0

def dies(function, after):
    def watched(*args, **options):
        global count
        count += 1
        if count == after:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **options)
    return watched

videos.decode_frames = dies(decode_frames, 3 if kill == "decoding" else 0)
if kill == "writing":
    builder.Example._asdict = dies(text, 7)
if kill == "finishing":
    prepare.write_json = dies(prepare.write_json, 5)
print("ready", flush=True)
sys.stdin.readline()
made = prepare.prepare(DataConfig(source="videos", path=root, cache_dir=cache, image_size=16))
print(made.folder, count)
"""


def start(root, cache, kill=""):
    command = [sys.executable, "-c", CHILD, str(root), str(cache), kill]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_killed_preparation_is_made_anew_with_the_same_bits(videos, tmp_path, prepared):
    kills = ("decoding", "writing", "finishing")
    children = [start(videos, tmp_path / kill, kill) for kill in kills]
    for kill, child in zip(kills, children):
        child.communicate("go\n", timeout=120)
        assert child.returncode == -signal.SIGKILL
        left = list((tmp_path / kill / "frames").glob(".*.tmp"))
        assert len(left) == 1
        assert not (tmp_path / kill / "frames" / prepared.fingerprint).exists()
        made = prepare.prepare(config_of(videos, tmp_path / kill))
        assert content(made.folder) == content(prepared.folder)
        assert nothing_half_made(tmp_path / kill)
        ours, theirs = (read_index(folder) for folder in (made.folder, prepared.folder))
        assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.slow
def test_two_processes_that_prepare_at_once_share_one_dataset(videos, tmp_path, prepared):
    children = [start(videos, tmp_path) for _ in range(2)]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    printed = [child.communicate(timeout=120)[0] for child in children]
    assert sum("waiting for another process" in text for text in printed) == 1
    outputs = [text.splitlines()[-1].rsplit(" ", 1) for text in printed]
    folder = tmp_path / "frames" / prepared.fingerprint
    assert [output[0] for output in outputs] == [str(folder)] * 2
    # One of them decoded the four clips, and the other one waited for it.
    assert sorted(int(output[1]) for output in outputs) == [0, 4]
    assert content(folder) == content(prepared.folder)
    assert nothing_half_made(tmp_path)
