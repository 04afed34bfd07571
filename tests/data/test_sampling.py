"""An epoch takes the frames that its sampling says, as a pure function of the seed."""

import dataclasses

import numpy as np
import pytest

from dogjax.data.philox import fold_in
from dogjax.data.sampling import visits_of_epoch
from tests.data.tables import three_dogs

TABLE = three_dogs()
SEED = np.array([3, 5])
# 25 frames of ash, 100 of bea, 126 of cole, as if thinned.
TRAIN = np.concatenate([np.arange(0, 200, 8), np.arange(200, 400, 2), np.arange(400, 600)[:126]])


def epoch_of(number, sampling="balanced", train=TRAIN, table=TABLE):
    return visits_of_epoch(table, train, sampling, fold_in(SEED, number))


def test_in_order_is_by_class_then_recording_then_time_in_every_epoch():
    # Frame numbers that say nothing of class, recording and time.
    mixed = TABLE.take(np.random.default_rng(0).permutation(len(TABLE)))
    train = np.flatnonzero(mixed.time < 40)
    found = epoch_of(0, "in_order", train, mixed)
    assert sorted(found) == train.tolist()
    rows = [(mixed.label[each], mixed.recording[each], mixed.time[each]) for each in found]
    assert rows == sorted(rows)
    np.testing.assert_array_equal(epoch_of(1, "in_order", train, mixed), found)


def test_shuffled_takes_every_frame_once_in_another_order_each_epoch():
    first, second = epoch_of(0, "shuffled"), epoch_of(1, "shuffled")
    assert sorted(first) == sorted(second) == TRAIN.tolist() and first.tolist() != second.tolist()


@pytest.mark.parametrize("number", range(3))
def test_balanced_takes_as_many_frames_of_each_class_and_as_many_in_all(number):
    visits = epoch_of(number)
    frames = visits % len(TABLE)
    assert len(visits) == len(TRAIN) == 251 and set(frames) <= set(TRAIN)
    assert np.bincount(TABLE.label[frames]).tolist() == [83, 84, 84]
    # A small class repeats, each frame as often as another or once more; a large one shows no frame twice.
    times = np.bincount(frames, minlength=len(TABLE))
    assert set(times[TRAIN[:25]]) == {3, 4} and times[200:].max() == 1
    # Each repetition is a visit of its own, numbered from 0.
    assert len(set(visits)) == len(visits)
    for frame in TRAIN[:25]:
        assert sorted(visits[frames == frame] // len(TABLE)) == list(range(times[frame]))


def test_a_balanced_epoch_is_shuffled_and_is_another_one_each_time():
    first, again, second = epoch_of(0), epoch_of(0), epoch_of(1)
    np.testing.assert_array_equal(first, again)
    assert first.tolist() != second.tolist()
    assert set(first) != set(second)  # other frames of the large classes
    # Neighbours are of one class a third of the time: 250 of them, standard deviation 3 %.
    labels = TABLE.label[first % len(TABLE)]
    assert np.mean(labels[1:] == labels[:-1]) == pytest.approx(1 / 3, abs=0.12)


def test_balanced_has_no_favourites_in_a_large_class():
    epochs = 300
    frames = np.concatenate([epoch_of(number) for number in range(epochs)]) % len(TABLE)
    counts = np.bincount(frames, minlength=len(TABLE))
    cole, share = counts[TRAIN[125:]], 84 / 126
    z = (cole - epochs * share) / np.sqrt(epochs * share * (1 - share))
    assert 0.8 < z.std() < 1.2 and np.abs(z).max() < 4.5


def test_balanced_divides_an_epoch_among_the_classes_that_are_trained_on():
    train = TRAIN[25:]
    frames = epoch_of(0, train=train) % len(TABLE)
    assert np.bincount(TABLE.label[frames]).tolist() == [0, 113, 113]


def test_balanced_is_shuffled_where_one_class_is_left_and_needs_no_names_of_recordings():
    bare = dataclasses.replace(TABLE, recording=np.full(len(TABLE), ""))
    assert sorted(epoch_of(0, train=TRAIN[:25], table=bare)) == TRAIN[:25].tolist()
