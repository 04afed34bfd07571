"""Batch t is a pure function of (seeds, t); validation is clean and whole."""

import dataclasses
import os

import numpy as np
import pytest
import tensorflow as tf

from dogjax.config import Config, from_dict
from dogjax.data.frames import DiskImages, MemoryImages
from dogjax.data.pipeline import Pipeline, make_pipeline
from dogjax.data.splits import split_frames
from dogjax.errors import UserError
from dogjax.prng import STREAMS, Streams
from tests.data.tables import random_images, three_dogs

TABLE = three_dogs()
AUGMENT = {"zoom": 0.2, "horizontal_flip": True, "vertical_flip": True}


def pipeline(seeds: dict[str, int] | None = None, images=None, **groups) -> Pipeline:
    values = {
        "data": {"image_size": 16},
        "augment": AUGMENT,
        "train": {"batch_size": 32},
        "split": {"strategy": "recording"},
    }
    config: Config = from_dict({name: values.get(name, {}) | groups.get(name, {}) for name in {*values, *groups}})
    streams = Streams(0, seeds)
    images = images or MemoryImages(random_images(TABLE))
    return make_pipeline(TABLE, images, split_frames(TABLE, config.split, streams), config, streams)


def assert_batches_equal(ours, theirs):
    for mine, other in zip(ours, theirs, strict=True):
        for name in mine:
            assert np.array_equal(mine[name], other[name]), name


def epoch_frames(run: Pipeline, epoch: int) -> list[int]:
    steps = run.steps_per_epoch
    batches = run.train_batches(epoch * steps, (epoch + 1) * steps)
    return np.concatenate([batch["frame"] for batch in batches]).tolist()


def test_batch_t_does_not_depend_on_where_the_run_started():
    run = pipeline()
    whole = list(run.train_batches(0, 3 * run.steps_per_epoch))
    for start in (0, 1, run.steps_per_epoch - 1, 2 * run.steps_per_epoch + 3):
        assert_batches_equal(run.train_batches(start, len(whole)), whole[start:])


def test_an_epoch_shows_every_training_frame_once_in_an_order_of_its_own():
    run = pipeline()
    first, second = (epoch_frames(run, epoch) for epoch in (0, 1))
    assert sorted(first) == sorted(second) == run.split.train.tolist()
    assert first != second
    # A shuffle leaves about one frame of n in its place; 9 of 450 would be a sorted stretch.
    assert np.sum(np.array(first) == run.split.train) < 9


def test_in_order_every_epoch_shows_the_frames_class_after_class():
    run = pipeline(train={"sampling": "in_order"})
    assert epoch_frames(run, 0) == epoch_frames(run, 1) == run.split.train.tolist()


BALANCED = {"split": {"class_shares": (("ash", 0.1),)}, "train": {"sampling": "balanced"}}


def test_a_balanced_epoch_has_as_many_frames_of_each_class_and_depends_on_the_step_alone():
    run = pipeline(**BALANCED)
    steps = run.steps_per_epoch
    assert len(run.split.train) == 315 and steps == 10
    whole = list(run.train_batches(0, 2 * steps))
    assert np.bincount(np.concatenate([batch["label"] for batch in whole[:steps]])).tolist() == [105] * 3
    assert_batches_equal(run.train_batches(steps - 3, 2 * steps), whole[steps - 3 :])
    other = pipeline({"order": 1}, **BALANCED)
    assert epoch_frames(other, 0) != epoch_frames(run, 0)


def test_a_frame_that_comes_again_in_an_epoch_is_augmented_in_another_way():
    plain, run = pipeline(split=BALANCED["split"]), pipeline(**BALANCED)
    once, balanced = (list(each.train_batches(0, each.steps_per_epoch)) for each in (plain, run))
    frames, images = (np.concatenate([batch[name] for batch in balanced]) for name in ("frame", "image"))
    frame = next(each for each in run.split.train if np.sum(frames == each) > 2)
    seen = {each.tobytes() for each in images[frames == frame]}
    assert len(seen) == np.sum(frames == frame)
    # One of them is what an epoch that shows the frame once shows.
    shown = next(batch["image"][batch["frame"] == frame] for batch in once if frame in batch["frame"])
    assert shown.tobytes() in seen


def test_the_order_is_uniform_over_places():
    """Each frame's mean place over 200 epochs lies near the middle: the permutation has no favourites."""
    run = pipeline(augment={"zoom": 0.0, "horizontal_flip": False, "vertical_flip": False}, train={"batch_size": 450})
    assert run.steps_per_epoch == 1
    places = np.array([np.argsort(batch["frame"]) for batch in run.train_batches(0, 200)])
    n = places.shape[1]
    z = (places.mean(0) - (n - 1) / 2) / (n / np.sqrt(12 * len(places)))
    assert 0.85 < z.std() < 1.15  # 450 standard normal draws: sd of their sd is .033
    assert np.abs(z).max() < 4.5


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_s_seed_changes_what_it_draws_and_nothing_else(name):
    reference, changed = pipeline(), pipeline({name: 1})
    same_split = np.array_equal(reference.split.validation, changed.split.validation)
    assert same_split == (name != "split")
    if not same_split:
        return
    ours, theirs = (list(each.train_batches(0, 2 * reference.steps_per_epoch)) for each in (reference, changed))
    same_order = all(np.array_equal(a["frame"], b["frame"]) for a, b in zip(ours, theirs))
    images = [
        {
            int(f): (i // reference.steps_per_epoch, x.tobytes())
            for i, b in enumerate(each)
            for f, x in zip(b["frame"], b["image"])
        }
        for each in (ours, theirs)
    ]
    assert same_order == (name != "order")
    # A frame is augmented alike in an epoch, wherever the order puts it.
    assert (images[0] == images[1]) == (name != "augment")


def test_validation_is_clean_whole_and_masked():
    run = pipeline()
    batches = list(run.validation_batches(0))
    assert {batch["image"].shape for batch in batches} == {(32, 16, 16, 3)}
    frames = np.concatenate([batch["frame"][batch["mask"] > 0] for batch in batches])
    images = np.concatenate([batch["image"][batch["mask"] > 0] for batch in batches])
    assert np.array_equal(frames, run.split.validation)
    assert np.array_equal(images, random_images(TABLE)[frames].astype(np.float32))
    assert_batches_equal(run.validation_batches(5), batches)


def test_validation_is_augmented_where_asked_anew_each_epoch():
    run = pipeline(augment={"validation": True})
    first, again, second = (next(run.validation_batches(epoch)) for epoch in (0, 0, 1))
    assert np.array_equal(first["image"], again["image"])
    assert not np.array_equal(first["image"], second["image"])
    assert np.array_equal(first["frame"], second["frame"])


def test_the_remainder_is_trained_on_or_dropped():
    frames = len(pipeline().split.train)
    kept, dropped = pipeline(), pipeline(train={"drop_remainder": True})
    assert (frames, kept.steps_per_epoch, dropped.steps_per_epoch) == (450, 15, 14)
    assert len(next(iter(kept.train_batches(14, 15)))["frame"]) == 2
    assert {len(batch["frame"]) for batch in dropped.train_batches(0, 28)} == {32}


def test_a_batch_larger_than_the_training_set_is_refused_where_the_remainder_is_dropped():
    with pytest.raises(UserError, match="training has 450 frames"):
        pipeline(train={"drop_remainder": True, "batch_size": 512})
    with pytest.raises(UserError, match=r"train\.batch_size=100000: there are 600 frames"):
        pipeline(train={"batch_size": 100_000})


def test_clean_batches_are_even_samples_of_the_training_frames():
    run = pipeline()
    batches = list(run.clean_training_batches(4096))
    assert {len(batch["frame"]) for batch in batches} == {30}
    frames = np.concatenate([batch["frame"] for batch in batches])
    assert sorted(frames) == run.split.train.tolist()
    assert np.array_equal(batches[0]["image"], random_images(TABLE)[batches[0]["frame"]].astype(np.float32))
    for batch in batches:
        assert np.bincount(batch["label"]).tolist() == [10, 10, 10]
    assert sum(len(batch["frame"]) for batch in run.clean_training_batches(100)) <= 100


def test_standardise_uses_the_training_fold_alone():
    run = pipeline(
        data={"scale": "standardise"}, augment={"zoom": 0.0, "horizontal_flip": False, "vertical_flip": False}
    )
    pixels = np.concatenate(
        [batch["image"].astype(np.float64) for batch in run.train_batches(0, run.steps_per_epoch)]
    ).reshape(-1, 3)
    np.testing.assert_allclose(pixels.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(pixels.std(0), 1, atol=1e-5)
    assert np.abs(next(run.validation_batches(0))["image"].mean()) > 1e-4


def test_unit_scale_divides_by_255():
    run = pipeline(data={"scale": "unit"})
    frames = next(run.validation_batches(0))
    assert np.array_equal(frames["image"], random_images(TABLE)[frames["frame"]].astype(np.float32) / np.float32(255))


def test_frames_read_from_the_disk_give_the_same_batches():
    class Records:
        def read(self, records):
            return random_images(TABLE)[::-1][records]

    on_disk = DiskImages(Records(), np.arange(len(TABLE))[::-1], 16)
    ours, theirs = pipeline(images=on_disk), pipeline()
    assert_batches_equal(ours.train_batches(0, 20), theirs.train_batches(0, 20))
    assert_batches_equal(ours.validation_batches(0), theirs.validation_batches(0))


def test_train_frames_names_the_batch_of_a_step():
    run = pipeline()
    batch = list(run.train_batches(0, 20))[17]
    assert np.array_equal(run.train_frames(17), batch["frame"])
    assert dataclasses.replace(run).train_frames(17).tolist() == batch["frame"].tolist()


@pytest.mark.parametrize("stream", STREAMS)
def test_pipelines_with_equal_draws_give_equal_batches_and_others_do_not(stream):
    ours, theirs = pipeline(), pipeline({stream: 9})
    batches = zip(ours.train_batches(0, 20), theirs.train_batches(0, 20))
    same = all(np.array_equal(mine["image"], other["image"]) for mine, other in batches)
    assert (ours.draws == theirs.draws) == same == (stream in ("init", "dropout", "poke"))


@pytest.mark.parametrize(
    "groups",
    [
        {"augment": {"zoom": 0.3}},
        {"data": {"scale": "unit"}},
        {"train": {"batch_size": 16}},
        {"train": {"sampling": "balanced"}},
        {"train": {"sampling": "in_order"}},
    ],
)
def test_pipelines_that_are_configured_otherwise_have_other_draws(groups):
    assert pipeline().draws != pipeline(**groups).draws


def test_batches_are_made_by_as_many_threads_as_the_process_has_cores(monkeypatch):
    """A container may have two of a machine's 64 cores."""
    threads, plain = [], tf.data.Dataset.map

    def watched(dataset, load, num_parallel_calls, **options):
        threads.append(num_parallel_calls)
        return plain(dataset, load, num_parallel_calls=num_parallel_calls, **options)

    monkeypatch.setattr(tf.data.Dataset, "map", watched)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    next(pipeline().train_batches(0, 1))
    assert threads == [len(os.sched_getaffinity(0))]
