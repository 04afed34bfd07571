"""Batches made on the devices are tf.data's, to a stated rounding."""

import dataclasses

import numpy as np
import pytest

from dogjax.config import from_dict
from dogjax.data import resident
from dogjax.data.arrays import ArrayImages
from dogjax.data.frames import MemoryImages
from dogjax.data.pipeline import make_pipeline
from dogjax.data.resident import make_device_batches
from dogjax.data.splits import split_frames
from dogjax.devices import Devices
from dogjax.errors import UserError
from dogjax.prng import Streams
from tests.data.tables import random_images, three_dogs

TABLE = three_dogs()
POST = {"zoom": 0.2, "horizontal_flip": True, "vertical_flip": True}
MOVED = {"zoom": 0.3, "rotation": 40.0, "width_shift": 0.3, "height_shift": 0.2, "shear": 25.0, "channel_shift": 60.0}


class Counted(ArrayImages):
    """Images that know how often they were read."""

    reads = 0

    def read(self, frames):
        self.reads += 1
        return super().read(frames)


def both(images=None, **groups):
    """tf.data's batches and the devices'."""
    values = {"data": {"image_size": 16}, "train": {"batch_size": 32}, "split": {"strategy": "recording"}}
    config = from_dict({name: values.get(name, {}) | groups.get(name, {}) for name in {*values, *groups}})
    streams, pixels = Streams(0), random_images(TABLE)
    split = split_frames(TABLE, config.split, streams)
    on_devices = make_device_batches(TABLE, images or ArrayImages(pixels), split, config, streams, Devices())
    return make_pipeline(TABLE, MemoryImages(pixels), split, config, streams), on_devices


def differences(ours, theirs):
    """The absolute differences of all pixels, where everything else is equal."""
    found = []
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.keys() == other.keys()
        for name in ("label", "frame", "mask"):
            assert np.array_equal(mine[name], other[name]) and mine[name].dtype == other[name].dtype
        assert mine["image"].dtype == other["image"].dtype == np.float32
        found.append(np.abs(np.asarray(mine["image"]) - other["image"]))
    return np.concatenate([each.ravel() for each in found])


@pytest.mark.parametrize("scale", ["raw", "unit", "standardise"])
@pytest.mark.parametrize("augment", [{}, POST, {"brightness": (0.4, 1.7), "validation": True}])
def test_batches_of_frames_that_are_not_turned_have_the_bits_of_tensorflow(augment, scale):
    host, devices = both(augment=augment, data={"scale": scale})
    stop = 2 * host.steps_per_epoch
    assert not differences(devices.train_batches(0, stop), host.train_batches(0, stop)).any()
    assert not differences(devices.validation_batches(1, 2), host.validation_batches(1, 2)).any()
    assert not differences(devices.clean_training_batches(100), host.clean_training_batches(100)).any()


@pytest.mark.parametrize("sampling", ["balanced", "in_order"])
def test_batches_have_the_bits_of_tensorflow_however_frames_are_sampled(sampling):
    split = {"class_shares": (("ash", 0.1),)}
    host, devices = both(augment=POST, split=split, train={"sampling": sampling})
    stop = host.steps_per_epoch
    assert not differences(devices.train_batches(0, stop), host.train_batches(0, stop)).any()


@pytest.mark.parametrize("fill", ["nearest", "constant", "reflect", "wrap"])
def test_pixels_of_turned_frames_differ_by_the_rounding_of_a_position(fill):
    host, devices = both(augment=MOVED | {"fill": fill})
    stop = host.steps_per_epoch
    found = differences(devices.train_batches(0, stop), host.train_batches(0, stop))
    # Positions err by some 1e-5 pixel, and neighbours differ by up to 255 grey levels.
    assert found.max() < 0.01


def test_brightness_may_make_a_rounding_one_level_and_rarely_does():
    host, devices = both(augment=MOVED | {"brightness": (0.4, 1.7)})
    found = differences(devices.train_batches(0, host.steps_per_epoch), host.train_batches(0, host.steps_per_epoch))
    # Whole levels before the factor and after it: one level, times 1.7, cut again.
    assert found.max() <= 2 and np.mean(found > 0.01) < 1e-4


def test_batch_t_does_not_depend_on_where_the_run_started():
    _, batches = both(augment=MOVED)
    whole = list(batches.train_batches(0, 2 * batches.steps_per_epoch))
    for start in (1, batches.steps_per_epoch - 1, batches.steps_per_epoch + 3):
        for mine, other in zip(batches.train_batches(start, len(whole)), whole[start:], strict=True):
            assert all(np.array_equal(mine[name], other[name]) for name in mine)


def test_frames_are_read_once_and_lie_on_the_device_as_bytes_for_all_runs_on_them():
    images = Counted(random_images(TABLE))
    runs = [both(images, seeds={"init": seed})[1] for seed in (0, 1)]
    assert images.reads == 0  # pixels in 0..255 need no measuring
    for batches in runs:
        next(batches.train_batches(0, 1))
    assert images.reads == 1
    (on_device,) = resident._kept[images].values()
    assert on_device.dtype == np.uint8 and on_device.shape == (len(TABLE), 16, 16, 3)


def test_other_images_give_other_batches():
    """A diagnosis hides a part of every frame so."""
    _, batches = both()
    dark = dataclasses.replace(batches, images=ArrayImages(np.zeros_like(random_images(TABLE))))
    assert np.any(next(batches.validation_batches(0))["image"]) and not np.any(
        next(dark.validation_batches(0))["image"]
    )


def test_frames_that_a_device_has_no_room_for_are_refused(monkeypatch):
    monkeypatch.setattr(Devices, "memory", 4 * TABLE.label.size * 16 * 16 * 3 - 1)
    with pytest.raises(UserError, match=r"data\.augment_on: 600 frames take 0\.0 GB, more than a quarter"):
        both()
    monkeypatch.setattr(Devices, "memory", 4 * TABLE.label.size * 16 * 16 * 3)
    both()
