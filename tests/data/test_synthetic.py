"""The embedded world is balanced, fixed to the byte, and takes the way of a user's own videos."""

from collections import Counter

import av
import pytest

from dogjax.data import synthetic
from dogjax.data.clips import find_clips
from dogjax.data.decode import decode_frames


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """Two clips of two seconds, one after the other."""
    root = tmp_path_factory.mktemp("world")
    for recording in chosen():
        synthetic.render_clip(root / recording.path, recording, seconds=2)
    return root


def chosen():
    return [each for each in synthetic.world() if each.name == "rec2" and each.background == "street"][:2]


def test_each_dog_has_ten_minutes_with_the_same_share_of_each_background():
    world = synthetic.world()
    assert len(set(world)) == len({each.path for each in world}) == 36
    seconds = Counter()
    for each in world:
        seconds[each.dog, each.background] += synthetic.SECONDS
    assert len(seconds) == 3 * 4
    assert set(seconds.values()) == {150}


def test_a_clip_has_the_same_bytes_every_time_also_beside_others(rendered, tmp_path):
    done = []
    synthetic.render_clips(tmp_path, done.append, recordings=chosen(), seconds=2)
    assert done == [1, 1]
    for recording in chosen():
        assert (tmp_path / recording.path).read_bytes() == (rendered / recording.path).read_bytes()


def test_dogs_and_recordings_differ(rendered):
    one, other = (rendered / each.path for each in chosen())
    assert one.read_bytes() != other.read_bytes()


def test_clips_are_h264_and_are_found_like_a_user_s_own(rendered):
    clips, problems = find_clips(rendered, "fail")
    assert problems == []
    assert [(clip.label, clip.background) for clip in clips] == [("biscuit", "street"), ("toffee", "street")]
    for clip in clips:
        with av.open(str(clip.path)) as container:
            stream = container.streams.video[0]
            assert stream.codec_context.name == "h264"
            assert (stream.width, stream.height) == (synthetic.WIDTH, synthetic.HEIGHT)
            assert stream.average_rate == synthetic.FPS
        frames = list(decode_frames(clip.path, fps=1, image_size=64))
        assert [frame.time for frame in frames] == [0, 1]
        assert all(frame.image.std() > 10 for frame in frames)
