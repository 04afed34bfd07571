"""The embedded world is balanced, fixed to the byte, and takes the way of a user's own videos."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import av
import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from dogjax.data.decode import decode_frames
from dogjax.data.sources.clips import find_clips
from dogjax.world import film


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """Two clips of two seconds, one after the other."""
    root = tmp_path_factory.mktemp("world")
    for recording in chosen():
        film.render_clip(root / recording.path, recording, seconds=2)
    return root


def chosen():
    return [each for each in film.world() if each.name == "rec2" and each.background == "street"][:2]


def test_each_dog_has_ten_minutes_with_the_same_share_of_each_background():
    world = film.world()
    assert len(set(world)) == len({each.path for each in world}) == 36
    seconds = Counter()
    for each in world:
        seconds[each.dog, each.background] += film.SECONDS
    assert len(seconds) == 3 * 4
    assert set(seconds.values()) == {150}


def test_a_clip_has_the_same_bytes_every_time_also_beside_others(rendered, tmp_path):
    done = []
    film.render_clips(tmp_path, done.append, recordings=chosen(), seconds=2)
    assert done == [1, 1]
    for recording in chosen():
        assert (tmp_path / recording.path).read_bytes() == (rendered / recording.path).read_bytes()


def test_dogs_and_recordings_differ(rendered):
    one, other = (rendered / each.path for each in chosen())
    assert one.read_bytes() != other.read_bytes()


def test_clips_are_h264_and_are_found_like_a_user_s_own(rendered):
    clips, problems, _ = find_clips(rendered, "fail")
    assert problems == []
    assert [(clip.label, clip.background) for clip in clips] == [("biscuit", "street"), ("toffee", "street")]
    for clip in clips:
        with av.open(str(clip.path)) as container:
            stream = container.streams.video[0]
            assert stream.codec_context.name == "h264"
            assert (stream.width, stream.height) == (film.WIDTH, film.HEIGHT)
            assert stream.average_rate == film.FPS
        frames = list(decode_frames(clip.path, fps=1, image_size=64))
        assert [frame.time for frame in frames] == [0, 1]
        assert all(frame.image.std() > 10 for frame in frames)


@pytest.fixture(scope="module")
def pixels():
    """Eight seconds of each recording at two frames a second: with its dog, without it, and each one's recording."""
    world = film.world()
    with ThreadPoolExecutor() as pool:
        shown, bare = (np.concatenate(list(pool.map(partial(draw_thumbnails, empty=empty), world))) for empty in (0, 1))
    return shown, bare, np.repeat([[each.dog, each.background] for each in world], len(shown) // len(world), axis=0)


def draw_thumbnails(recording, empty):
    script, sensor = film.direct(recording), recording.rng("sensor")
    name = None if empty else recording.dog
    chosen = range(0, 8 * film.FPS, film.FPS // 2)
    frames = np.stack([film.draw_frame(script, name, index, sensor)[::4, ::4] for index in chosen])
    return frames.reshape(len(frames), -1).astype(np.float32)


def accuracy_on_held_out(pixels, labels, groups):
    """Mean accuracy of the nearest neighbour among the frames of other groups."""
    scores = []
    for group in np.unique(groups):
        held_out = groups == group
        nearest = KNeighborsClassifier(1).fit(pixels[~held_out], labels[~held_out])
        scores.append(nearest.score(pixels[held_out], labels[held_out]))
    return np.mean(scores)


@pytest.mark.slow
def test_the_background_alone_gives_the_dog_away_on_a_random_split_and_never_on_an_unseen_background(pixels):
    bare, (dogs, backgrounds) = pixels[1], pixels[2].T
    random_folds = np.random.default_rng(0).integers(4, size=len(dogs))
    assert accuracy_on_held_out(bare, dogs, random_folds) > 0.75  # measured: .89
    assert accuracy_on_held_out(bare, dogs, backgrounds) < 0.36  # measured: .32, chance: .33


@pytest.mark.slow
def test_memory_of_whole_frames_fails_on_an_unseen_background(pixels):
    shown, (dogs, backgrounds) = pixels[0], pixels[2].T
    random_folds = np.random.default_rng(0).integers(4, size=len(dogs))
    assert accuracy_on_held_out(shown, dogs, random_folds) > 0.7  # measured: .89
    assert accuracy_on_held_out(shown, dogs, backgrounds) < 0.5  # measured: .41
