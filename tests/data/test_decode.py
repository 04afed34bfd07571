"""Frames are taken by presentation time, upright, antialiased and to the bit; a damaged file is never half a file."""

import itertools
import os
import struct
import sys

import numpy as np
import pytest

from dogjax.data.decode import BadVideo, UnreadableVideo, decode_frames
from dogjax.data.pixels import measure_sharpness
from tests.data.videos import (
    busy_pictures,
    corners_of,
    cut,
    four_corners,
    number_in,
    picture_of,
    write_sound,
    write_video,
)

CONTAINERS = [
    ("clip.mp4", "libx264"),
    ("clip.mov", "libx264"),
    ("clip.mkv", "libx264"),
    ("clip.avi", "mpeg4"),
    ("clip.avi", "mjpeg"),
    ("clip.webm", "libvpx"),
    ("clip.webm", "libvpx-vp9"),
    ("clip.ts", "libx264"),
    ("clip.mpg", "mpeg2video"),
    ("clip.flv", "libx264"),
    ("clip.wmv", "wmv2"),
]
FRONT = {"movflags": "faststart"}


def sampled(path, fps, size=16):
    """(time, number of the frame) of every sample."""
    return [(frame.time, number_in(frame.image)) for frame in decode_frames(path, fps=fps, image_size=size)]


def damage(path):
    """The frames before the damage, and what is said of it."""
    frames = []
    with pytest.raises(BadVideo) as caught:
        frames.extend(decode_frames(path, fps=1000, image_size=16))
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message and message.endswith("or leave it out (data.on_bad_video=skip)")
    return frames, message.removeprefix(f"{path}: ").split(";")[0]


def numbers_at(times, fps, seconds):
    """What is on screen at 0, 1 / fps, ... by the definition, each frame once."""
    samples = np.arange(0, seconds - 1e-9, 1 / fps)
    shown = np.searchsorted(times, samples + 1e-9, side="right") - 1
    return [(times[number], number) for number in dict.fromkeys(shown.tolist())]


@pytest.mark.parametrize("fps", [1, 2.5, 3, 5, 10, 0.1])
def test_samples_of_a_constant_rate_are_what_is_on_screen(tmp_path, fps):
    times = [number / 10 for number in range(30)]
    path = write_video(tmp_path / "clip.mp4", 30, rate=10)
    assert sampled(path, fps) == numbers_at(times, fps, 3.0)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
@pytest.mark.parametrize("fps", [1, 2, 4, 10, 1000])
def test_samples_of_a_variable_rate_are_what_is_on_screen(tmp_path, name, fps):
    times = [0, 0.1, 0.5, 0.55, 1.0, 1.9, 1.95, 2.0, 2.6]
    path = write_video(tmp_path / name, 9, times=times)
    assert sampled(path, fps) == numbers_at(times, fps, 2.65)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.mov"])
def test_the_rates_of_phones_give_a_frame_a_second_though_containers_round(tmp_path, name):
    path = write_video(tmp_path / name, [picture_of(number // 30) for number in range(91)], rate=30)
    assert sampled(path, 1) == [(0, 0), (1, 1), (2, 2), (3, 3)]
    assert len(sampled(path, 30)) == len(sampled(path, 15)) * 2 - 1 == 91


@pytest.mark.parametrize("fps", [10.5, 30, 1000])
def test_a_rate_above_the_clip_s_own_yields_each_frame_once(tmp_path, fps):
    path = write_video(tmp_path / "clip.mp4", 12, rate=10)
    assert sampled(path, fps) == [(number / 10, number) for number in range(12)]


def test_time_starts_with_the_first_frame(tmp_path):
    path = write_video(tmp_path / "clip.mkv", 3, times=[5.0, 6.0, 7.0])
    assert sampled(path, 1) == [(0, 0), (1, 1), (2, 2)]


def test_a_clip_of_one_frame_has_one_sample(tmp_path):
    for name in ("clip.mp4", "clip.mkv"):
        assert sampled(write_video(tmp_path / name, [picture_of(37)]), 1) == [(0, 37)]


@pytest.mark.parametrize("name, codec", CONTAINERS)
def test_containers_and_codecs_give_the_same_frames_and_times(tmp_path, name, codec):
    path = write_video(tmp_path / name, 10, codec=codec)
    assert sampled(path, 5) == [(0, 0), (0.2, 2), (0.4, 4), (0.6, 6), (0.8, 8)]


def test_sound_beside_the_picture_changes_nothing(tmp_path):
    silent, loud = (write_video(tmp_path / f"{sound}.mp4", 10, sound=sound) for sound in (False, True))
    assert sampled(silent, 5) == sampled(loud, 5)


def test_names_that_mean_something_to_ffmpeg_are_names(tmp_path):
    for name in ("a:b.mp4", "pipe:0.mp4", "100%d.mp4", "Mr. Brown [犬].mp4", "-i.mp4"):
        assert len(sampled(write_video(tmp_path / "x.mp4", 3).rename(tmp_path / name), 10)) == 3


# The corners of an upright picture after a turn anticlockwise, and after mirroring that.
TURNED = {
    0: ("red", "green", "blue", "white"),
    90: ("green", "white", "red", "blue"),
    180: ("white", "blue", "green", "red"),
    270: ("blue", "red", "white", "green"),
}


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mov", "clip.mkv"])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_turned_phone_s_frames_are_turned_upright(tmp_path, name, rotation):
    path = write_video(tmp_path / name, [four_corners()] * 2, rotation=rotation)
    for size in (16, 63):
        for frame in decode_frames(path, fps=10, image_size=size):
            assert frame.image.shape == (size, size, 3)
            assert corners_of(frame.image) == TURNED[rotation]


def test_a_selfie_s_frames_are_mirrored(tmp_path):
    path = write_video(tmp_path / "clip.mp4", [four_corners()], hflip=True)
    (frame,) = decode_frames(path, fps=1, image_size=16)
    assert corners_of(frame.image) == ("green", "red", "white", "blue")


def test_the_matrix_that_phones_write_turns_clockwise(tmp_path):
    """x' = h - y, y' = x (ISO 14496-12, 8.3.2), written by hand: no library has its say in the direction."""
    path = write_video(tmp_path / "clip.mov", [four_corners()])
    content = path.read_bytes()
    identity = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    portrait = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 48 << 16, 0, 1 << 30)
    start = content.index(identity, content.index(b"tkhd"))
    path.write_bytes(content[:start] + portrait + content[start + 36 :])
    (frame,) = decode_frames(path, fps=1, image_size=16)
    assert corners_of(frame.image) == ("blue", "red", "white", "green")


# Damage.


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.985, 0.989, 0.991, 0.995])
def test_an_mp4_cut_before_its_index_ends_is_refused(tmp_path, share):
    """The index is the last 1.6 % of this file."""
    path = cut(write_video(tmp_path / "clip.mp4", busy_pictures(30)), share)
    assert damage(path) == ([], "is cut off, its index (moov) is missing")


@pytest.mark.parametrize("share, whole", [(0.5, 11), (0.9, 22), (0.999, 25)])
def test_an_mp4_with_its_index_in_front_is_refused_where_it_is_cut(tmp_path, share, whole):
    path = cut(write_video(tmp_path / "clip.mp4", busy_pictures(30), container_options=FRONT), share)
    frames, message = damage(path)
    assert whole <= len(frames) < 30
    assert message.startswith(("is cut off after", "is damaged at about"))


@pytest.mark.parametrize(
    "name, codec",
    [each for each in CONTAINERS if each[0].split(".")[1] not in ("mp4", "mov", "ts")],
)
def test_other_containers_are_refused_where_they_are_cut(tmp_path, name, codec):
    path = cut(write_video(tmp_path / name, busy_pictures(30), codec=codec), 0.4)
    frames, message = damage(path)
    assert 0 < len(frames) < 15
    assert message.startswith(("is cut off after", "is damaged at about"))


def test_bytes_overwritten_in_the_middle_are_damage(tmp_path):
    path = write_video(tmp_path / "clip.mp4", busy_pictures(30), container_options=FRONT)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4000] = bytes(4000)
    path.write_bytes(content)
    frames, message = damage(path)
    assert 0 < len(frames) < 30
    assert message.startswith("is damaged at about 1.")


@pytest.mark.parametrize("content", [b"This is no video.\n" * 500, np.random.default_rng(0).bytes(50_000), b"\0" * 999])
def test_bytes_that_are_no_video_are_refused(tmp_path, content):
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    assert damage(path) == ([], "is not a video, FFmpeg finds no format that fits")


@pytest.mark.parametrize("name, codec", [("clip.mp4", "aac"), ("clip.wav", "pcm_s16le")])
def test_sound_alone_is_refused(tmp_path, name, codec):
    assert damage(write_sound(tmp_path / name, codec)) == ([], "has no video stream, only audio")


def test_a_picture_is_refused_whatever_it_is_called(tmp_path):
    path = write_video(tmp_path / "clip.mjpeg", [picture_of(3)], codec="mjpeg")
    path = path.rename(tmp_path / "clip.mp4")
    assert damage(path) == ([], "is a picture, not a video")


def test_a_clip_that_is_gone_is_refused(tmp_path):
    with pytest.raises(
        UnreadableVideo, match=r"gone.mp4: cannot be read \(No such file or directory\); start the same"
    ):
        next(decode_frames(tmp_path / "gone.mp4", fps=1, image_size=16))


# Pixels.


@pytest.mark.parametrize("size", [8, 16, 21, 48])
def test_a_fine_checkerboard_shrinks_to_grey(tmp_path, size):
    board = 255 * (np.indices((96, 128)).sum(0) % 2).astype(np.uint8)
    path = write_video(tmp_path / "clip.mp4", [np.stack([board] * 3, -1)], options={"qp": "0"})
    (frame,) = decode_frames(path, fps=1, image_size=size)
    assert np.abs(frame.image.astype(int) - 127).max() <= 12
    # Without the mean over an area, every pixel would be black or white, or moiré.
    (whole,) = decode_frames(path, fps=1, image_size=96)
    assert np.std(whole.image) > 30


def test_colours_and_places_survive_growing_and_shrinking(tmp_path):
    path = write_video(tmp_path / "clip.mp4", [four_corners()], options={"crf": "10"})
    for size in (8, 48, 64, 200):
        (frame,) = decode_frames(path, fps=1, image_size=size)
        expected = four_corners(size, size)
        inner = np.ones((size, size), bool)
        middle = slice(size // 2 - size // 16 - 1, size // 2 + size // 16 + 1)
        inner[middle] = inner[:, middle] = False
        assert np.abs(frame.image.astype(int) - expected)[inner].max() <= 12


def test_decoding_twice_gives_equal_bits(tmp_path):
    path = write_video(tmp_path / "clip.mp4", busy_pictures(12))
    first, second = (list(decode_frames(path, fps=5, image_size=24)) for _ in range(2))
    assert len(first) == 6
    for one, other in zip(first, second, strict=True):
        assert (one.time, one.sharpness) == (other.time, other.sharpness)
        assert np.array_equal(one.image, other.image)
        assert one.image.dtype == np.uint8


def blurred(image, times):
    image = image.astype(float)
    for _ in range(times):
        image = (image + np.roll(image, 1, 0) + np.roll(image, 1, 1) + np.roll(image, (1, 1), (0, 1))) / 4
    return np.rint(image).astype(np.uint8)


def test_sharpness_is_the_variance_of_the_laplacian_of_luma():
    image = busy_pictures(1, 31, 17)[0]
    luma = image @ np.array([0.299, 0.587, 0.114])
    laplacian = np.array(
        [
            [luma[y - 1, x] + luma[y + 1, x] + luma[y, x - 1] + luma[y, x + 1] - 4 * luma[y, x] for x in range(1, 30)]
            for y in range(1, 16)
        ]
    )
    assert measure_sharpness(image) == pytest.approx(laplacian.var(), rel=1e-12)
    assert measure_sharpness(np.full((8, 8, 3), 200, np.uint8)) == 0


def test_sharpness_falls_with_blur(tmp_path):
    pictures = [blurred(busy_pictures(1)[0], times) for times in range(5)]
    path = write_video(tmp_path / "clip.mp4", pictures, options={"crf": "10"})
    sharpness = [frame.sharpness for frame in decode_frames(path, fps=10, image_size=48)]
    assert len(sharpness) == 5
    assert all(one > 1.5 * other for one, other in itertools.pairwise(sharpness))


def test_sharpness_is_that_of_the_small_frame(tmp_path):
    path = write_video(tmp_path / "clip.mp4", busy_pictures(2))
    for frame in decode_frames(path, fps=10, image_size=16):
        assert frame.sharpness == measure_sharpness(frame.image)


# Memory.


def test_the_first_frame_comes_before_the_file_is_read_to_its_end(tmp_path):
    path = write_video(tmp_path / "clip.mp4", busy_pictures(60), container_options=FRONT, gop=6)
    size = path.stat().st_size
    frames = decode_frames(path, fps=10, image_size=16)
    next(frames)
    # Whatever is gone now had not been read yet, but for the input buffer of FFmpeg (32 KiB).
    os.truncate(path, size * 3 // 4)
    with pytest.raises(BadVideo, match=r"is cut off|is damaged"):
        list(frames)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_length_of_a_clip(tmp_path):
    path = write_video(
        tmp_path / "clip.mp4",
        (picture_of(number % 64, 1280, 720) for number in range(120)),
        options={"preset": "ultrafast"},
    )

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    frames = decode_frames(path, fps=10, image_size=16)
    for _ in range(20):
        next(frames)
    settled = resident()
    # 100 frames of 1280 x 720 hold 138 MB as YUV, and 276 MB as RGB.
    assert max(resident() for _ in frames) - settled < 40e6


def test_real_phone_clips_decode(real_clips):
    for path in (*sorted(real_clips.glob("three/*/*.mp4")), real_clips / "phone" / "cop3d_page_dog4.MOV"):
        frames = list(decode_frames(path, fps=1, image_size=32))
        assert len(frames) > 5
        seconds = [frame.time for frame in frames]
        assert seconds == pytest.approx(range(len(frames)), abs=0.05)
        assert all(frame.sharpness > 1 for frame in frames)
