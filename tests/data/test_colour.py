"""HDR clips give the frames of an SDR clip of the same scene, on every machine, and SDR clips stay as they were."""

import hashlib
import pathlib
from fractions import Fraction

import av
import numpy as np
import pytest

from dogjax.data import colour
from dogjax.data.decode import BadVideo, decode_frames, describe_recording
from tests.data.videos import RGB, busy_pictures, write_video

PHONES = pathlib.Path(__file__).parents[3] / "shared" / "data" / "phones"
BT709, HLG, PQ = (1, 1, 1), (9, 18, 9), (9, 16, 9)  # primaries, transfer, matrix
# Kr and Kb of the matrices (ITU-R BT.709 and BT.2020).
LUMA = {1: (0.2126, 0.0722), 9: (0.2627, 0.0593)}
BT709_TO_BT2020 = np.array(
    [[0.627404, 0.329283, 0.043313], [0.069097, 0.919540, 0.011362], [0.016391, 0.088013, 0.895595]]
)


# The forward formulas, apart from the ones that are tested: SDR signal to HDR signal of one scene.


def to_hlg(sdr):
    """Scene light, SDR white at 75 % (ITU-R BT.2408, scene-referred mapping); OETF of ITU-R BT.2100, table 5."""
    scene = np.where(sdr < 0.081, sdr / 4.5, ((sdr + 0.099) / 1.099) ** (1 / 0.45)) @ BT709_TO_BT2020.T * 0.265
    log = 0.17883277 * np.log(12 * np.maximum(scene, 1 / 12) - 0.28466892) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), log)


def to_pq(sdr):
    """Display light, SDR white at 203 cd/m2 (ITU-R BT.2408); inverse EOTF of ITU-R BT.2100, table 4."""
    power = (203 * sdr**2.4 @ BT709_TO_BT2020.T / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def garden(brightness=0.75, width=128, height=96):
    """An SDR signal `[height, width, 3]`: a lawn with a sky, a brown dog and a red ball; `brightness` of the sky."""
    y, x = np.mgrid[0:height, 0:width] / height
    picture = np.stack([0.25 + 0.1 * np.sin(40 * x), 0.4 + 0.2 * y, 0.15 + 0.05 * np.cos(50 * x * y)], -1)
    picture[y < 0.35] = brightness * np.array([0.7, 0.85, 1.0])
    picture[(x - 0.6) ** 2 + (y - 0.55) ** 2 < 0.06] = (0.45, 0.32, 0.22)
    picture[(x - 0.55) ** 2 + (y - 0.5) ** 2 < 0.004] = (0.04, 0.03, 0.03)
    picture[(x - 1.1) ** 2 + (y - 0.75) ** 2 < 0.01] = (0.7, 0.12, 0.1)
    return picture


def write_signal(path, signal, tags, codec="ffv1", *, depth=10, full=False, rotation=0, pictures=2):
    """Writes a clip of equal frames from an R'G'B' signal in [0, 1], as limited-range (or full-range) YUV 4:2:0.

    Args:
      path: its suffix picks the container.
      signal: float `[height, width, 3]`.
      tags: numbers of the primaries, the transfer and the matrix; 2 for "unknown".
      codec: the name of an FFmpeg encoder.
      depth: bits a sample.
      full: whether the range is full.
      rotation: degrees that a player turns the picture anticlockwise by.
      pictures: how many frames.
    """
    primaries, transfer, matrix = tags
    red, blue = LUMA.get(matrix, LUMA[9])
    luma = signal @ np.array([red, 1 - red - blue, blue])
    chroma = np.stack([(signal[..., 2] - luma) / (2 - 2 * blue), (signal[..., 0] - luma) / (2 - 2 * red)])
    height, width = luma.shape
    chroma = chroma.reshape(2, height // 2, 2, width // 2, 2).mean((2, 4))
    unit = 2 ** (depth - 8)
    if full:
        top = 2**depth - 1
        planes = [luma * top, *(chroma * top + 128 * unit)]
    else:
        planes = [unit * (16 + 219 * luma), *(unit * (128 + 224 * chroma))]
    # With frames in another order, or threads of its own, libx265 at times gives a packet no timestamp.
    quiet = {"x265-params": "log-level=none:bframes=0:pools=none:frame-threads=1", "crf": "10"}
    options = quiet if codec == "libx265" else {}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10, options=options)
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuv420p" if depth == 8 else f"yuv420p{depth}le"
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace = primaries, transfer, matrix
        context.color_range = 2 if full else 1
        if rotation:
            stream.set_display_rotation(rotation)
        for number in range(pictures):
            frame = av.VideoFrame(width, height, stream.pix_fmt)
            for plane, values in zip(frame.planes, planes, strict=True):
                kind = np.dtype(np.uint8 if depth == 8 else np.uint16)
                view = np.frombuffer(plane, kind).reshape(plane.height, plane.line_size // kind.itemsize)
                view[:, : plane.width] = np.rint(values)
            frame.pts, frame.time_base = number, Fraction(1, 10)
            frame.color_primaries, frame.color_trc, frame.colorspace = primaries, transfer, matrix
            frame.color_range = 2 if full else 1
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def images(path, size=32):
    return np.array([frame.image for frame in decode_frames(path, fps=10, image_size=size)])


def assert_one_scene(hdr, sdr, within):
    """The mean and the deviation of each channel differ by less than a share."""
    assert hdr.shape == sdr.shape
    for moment in (np.mean, np.std):
        np.testing.assert_allclose(moment(hdr, (0, 1, 2)), moment(sdr, (0, 1, 2)), rtol=within)


FORMATS = [(HLG, to_hlg), (PQ, to_pq)]


@pytest.mark.parametrize("tags, forward", FORMATS)
@pytest.mark.parametrize("name, codec", [("hdr.mkv", "ffv1"), ("hdr.mp4", "libx265")])
def test_hdr_and_sdr_clips_of_one_scene_give_one_picture(tmp_path, tags, forward, name, codec):
    sdr = images(write_signal(tmp_path / "sdr.mp4", garden(), BT709, "libx264", depth=8))
    hdr = images(write_signal(tmp_path / name, forward(garden()), tags, codec))
    assert_one_scene(hdr, sdr, within=0.03)
    assert np.abs(hdr.astype(int) - sdr).mean() < 2


@pytest.mark.parametrize("tags, forward", FORMATS)
def test_a_white_sky_is_a_little_darker_and_keeps_its_colour(tmp_path, tags, forward):
    """A third of the frame is at SDR white, which gives way to highlights: blue loses 7 % of its mean, and 12 % of its
    deviation, where the signal's own figures are 18 and 62 % away.
    """
    sdr = images(write_signal(tmp_path / "sdr.mkv", garden(brightness=1.0), BT709, depth=8))
    hdr = images(write_signal(tmp_path / "hdr.mkv", forward(garden(brightness=1.0)), tags))
    assert_one_scene(hdr, sdr, within=0.13)
    sky_hdr, sky_sdr = hdr[:, 2:8].mean((0, 1, 2)), sdr[:, 2:8].mean((0, 1, 2))
    assert np.argsort(sky_hdr).tolist() == np.argsort(sky_sdr).tolist() == [0, 1, 2]
    assert np.all((sky_sdr - sky_hdr >= -1) & (sky_sdr - sky_hdr < 26))


def test_a_phone_s_hdr_clip_gives_the_frames_of_its_sdr_clip():
    """One scene in both: mean and deviation of every channel within 1 %, where they were 40 % apart."""
    if not PHONES.exists():
        pytest.skip("the phones' clips are not here")
    sdr = images(PHONES / "sdr.mp4", 64)
    assert sdr.std((0, 1, 2)) == pytest.approx([49.9, 43.9, 24.0], abs=0.1)
    assert_one_scene(images(PHONES / "hlg.mp4", 64), sdr, within=0.01)


@pytest.mark.parametrize("tags, forward", FORMATS)
@pytest.mark.parametrize("colour_name", sorted(RGB))
def test_colours_keep_their_hue(tmp_path, tags, forward, colour_name):
    """At 70 % of the signal the curve changes nothing: each primary comes back as itself, but for the zeros of PQ,
    whose ten bits leave a little light.
    """
    flat = np.broadcast_to(np.array(RGB[colour_name]) / 255 * 0.7, (32, 32, 3))
    hdr = images(write_signal(tmp_path / "hdr.mkv", forward(flat), tags), 8)
    assert np.abs(hdr - flat[:8, :8] * 255).max() <= (1 if tags == HLG else 11)
    assert np.abs(hdr - flat[:8, :8] * 255)[..., flat[0, 0] > 0].max() <= 1


@pytest.mark.parametrize("tags", [HLG, PQ])
def test_grey_keeps_its_order_up_to_the_peak(tmp_path, tags):
    """Signals in steps of 2 %: highlights above reference white are still told apart."""
    grey = np.repeat(np.linspace(0, 0.74 if tags == PQ else 1.0, 48), 4)
    ramp = np.broadcast_to(grey[None, :, None], (32, 192, 3))
    (levels, *_) = images(write_signal(tmp_path / "hdr.mkv", ramp, tags, pictures=1), 48)
    steps = np.diff(levels[16, :, 1].astype(int))
    assert np.all(steps[2:] >= 0) and levels[16, 0, 1] == 0
    assert np.all(steps[8:40] > 0)
    assert levels[16, -1, 1] >= 254


@pytest.mark.parametrize("tags, white", [(HLG, 0.75), (PQ, 0.5807)])
def test_reference_white_becomes_91_percent_of_sdr_white(tmp_path, tags, white):
    """ITU-R BT.2390 by hand: 203 of 1000 cd/m2 is 0.7721 of the peak's PQ signal, the knee is 0.6581, E3 is 0.7378."""
    path = write_signal(tmp_path / "hdr.mkv", np.full((32, 32, 3), white), tags, pictures=1)
    assert images(path, 8) == pytest.approx(231, abs=1)


def test_a_fine_checkerboard_shrinks_as_it_does_in_sdr(tmp_path):
    board = np.repeat(np.indices((96, 128)).sum(0)[..., None] % 2, 3, -1) * 0.7
    sdr = images(write_signal(tmp_path / "sdr.mkv", board, BT709, depth=8), 16)
    for tags, forward in FORMATS:
        hdr = images(write_signal(tmp_path / "hdr.mkv", forward(board), tags), 16)
        assert np.abs(hdr.astype(int) - sdr).max() <= 2


@pytest.mark.parametrize("size", [8, 33, 96, 150])
def test_hdr_frames_shrink_and_grow(tmp_path, size):
    sdr = images(write_signal(tmp_path / "sdr.mkv", garden(), BT709, depth=8), size)
    hdr = images(write_signal(tmp_path / "hdr.mkv", to_pq(garden()), PQ), size)
    assert_one_scene(hdr, sdr, within=0.03)


def test_a_turned_phone_s_hdr_frames_are_turned_upright(tmp_path):
    scene = to_hlg(garden())
    flat = images(write_signal(tmp_path / "flat.mp4", scene, HLG, "libx265"))
    turned = images(write_signal(tmp_path / "turned.mp4", scene, HLG, "libx265", rotation=90))
    assert np.array_equal(turned, np.rot90(flat, axes=(1, 2)))


def test_full_range_and_an_unnamed_matrix_are_understood(tmp_path):
    limited = images(write_signal(tmp_path / "limited.mkv", to_hlg(garden()), HLG)).astype(int)
    full = images(write_signal(tmp_path / "full.mkv", to_hlg(garden()), HLG, full=True))
    unnamed = images(write_signal(tmp_path / "unnamed.mkv", to_hlg(garden()), (9, 18, 2)))
    assert np.abs(full - limited).max() <= 2
    assert np.array_equal(unnamed, limited)


@pytest.mark.parametrize("tags, matrix", [((9, 18, 14), "ictcp"), ((1, 1, 10), "bt2020c")])
def test_colours_that_ffmpeg_cannot_convert_are_refused(tmp_path, tags, matrix):
    path = write_signal(tmp_path / "clip.mkv", garden(), tags)
    with pytest.raises(BadVideo, match=rf"clip.mkv: FFmpeg cannot convert its colours \({matrix}\) to RGB; convert it"):
        images(path)


# Bits.


def sha256(*arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()


def test_sdr_clips_give_the_bits_that_they_gave_before_hdr_was_known(tmp_path):
    path = write_video(tmp_path / "clip.mkv", busy_pictures(3), codec="ffv1")
    assert sha256(images(path, 16)) == "b5b37af37545e889bf388582afa987c1ef15b417e74534900b22dc4ff8f9887e"
    assert sha256(images(path, 64)) == "cbf25df905c7c413fd40b43c2bdc267e07ec874d904d489238140767badcb7ff"


# By number of the transfer.
TABLES = {
    16: "e38a89fcb8cf2ab04f10184d2a790eae4a7cbc8d145968531e9ccd3d917a1e63",
    18: "10b8c46a3fcb86e7cb8747e492147f0019c7b9ffcae42952e3bb07ce47e7c251",
}
FRAMES = {
    HLG: "1d6ad3c8d40c6bfded7d2ff7fb17daec03a5ea1e5251f0f21345ddf37cf702c1",
    PQ: "6065a875aaf92bd10581b8a85e88597c2b813497a1ea0fa934fd3e4339d18a32",
}


@pytest.mark.parametrize("transfer", sorted(colour.TRANSFERS))
def test_the_tables_have_the_same_bits_on_every_machine(transfer):
    tables = colour.TRANSFERS[transfer]
    assert (tables.signals.dtype, tables.light.dtype, tables.pixels.dtype) == (np.uint16, np.int64, np.uint8)
    assert sha256(tables.signals, tables.light, tables.pixels) == TABLES[transfer]


def test_hdr_clips_give_the_same_bits_on_every_machine(tmp_path):
    noise = busy_pictures(1, 128, 96)[0] / 255
    for tags, expected in FRAMES.items():
        assert sha256(images(write_signal(tmp_path / "hdr.mkv", noise, tags))) == expected


# The description.


def test_a_recording_is_described_in_ffmpeg_s_names(tmp_path):
    path = write_signal(tmp_path / "clip.mp4", to_hlg(garden()), HLG, "libx265", rotation=-90)
    description = describe_recording(path)
    assert description.pop("bit_rate") > 1000
    assert description == {
        "width": 128,
        "height": 96,
        "frame_rate": 10.0,
        "codec": "hevc",
        "pixel_format": "yuv420p10le",
        "transfer": "arib-std-b67",
        "primaries": "bt2020",
        "matrix": "bt2020nc",
        "range": "tv",
        "rotation": -90,
    }


def test_what_a_recording_does_not_say_is_none(tmp_path):
    description = describe_recording(write_video(tmp_path / "clip.mkv", 3))
    unknown = {name for name, value in description.items() if value is None}
    assert unknown == {"transfer", "primaries", "matrix", "range", "bit_rate"}
    assert (description["codec"], description["pixel_format"], description["rotation"]) == ("h264", "yuv420p", 0)


def test_a_file_that_is_no_video_is_not_described(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"This is no video.\n" * 500)
    with pytest.raises(BadVideo, match="is not a video"):
        describe_recording(path)
