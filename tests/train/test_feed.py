"""A feed gives the batch of any step, drawn once for all who ask."""

import contextlib

import numpy as np
import pytest

from dogjax.config import replace_fields
from dogjax.interrupt import Interrupt
from dogjax.train.batches import TrainingFeed, ValidationFeed
from dogjax.train.experiment import build_experiment, load_material
from dogjax.train.loop import Loop
from dogjax.train.run import open_run
from dogjax.train.workdir import Workdir
from tests.train.runs import outcome


@pytest.fixture(scope="module")
def experiment(setup):
    return build_experiment(setup.config())


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("steps", [[0, 1, 2], [0, 3, 6], [0, 1, 7], [5, 2, 3], [4, 4, 5]])
def test_a_feed_gives_the_batches_of_the_steps_in_whatever_order(experiment, steps, count):
    feed = TrainingFeed(experiment.pipeline, experiment.devices, 10)
    every = list(experiment.pipeline.train_batches(0, 10))
    for first in steps:
        given, wanted = feed.batches(first, count), every[first : first + count]
        assert len(given) == count
        for mine, other in zip(given, wanted, strict=True):
            assert np.array_equal(mine["image"], other["image"])
            assert np.array_equal(mine["label"], other["label"])


def test_a_batch_is_drawn_once_for_all_who_ask(experiment):
    feed = TrainingFeed(experiment.pipeline, experiment.devices, 10)
    assert feed.batches(3, 2)[0]["image"] is feed.batches(3, 2)[0]["image"]


def frames_of(batches):
    return [(batch["frame"].tolist(), np.asarray(batch["image"]).tobytes()) for batch in batches]


@pytest.mark.parametrize("epochs", [[0, 1, 2], [2, 0, 1], [1, 1], [7]])
def test_validation_is_that_of_the_epoch_in_whatever_order(setup, epochs):
    experiment = build_experiment(replace_fields(setup.config(), {"augment.validation": True}))
    feed = ValidationFeed(experiment.pipeline, experiment.devices, experiment.config.train.epochs)
    for epoch in epochs:
        assert frames_of(feed.batches(epoch)) == frames_of(experiment.pipeline.validation_batches(epoch))


def test_validation_that_was_not_drawn_to_its_end_starts_again(setup):
    experiment = build_experiment(replace_fields(setup.config(), {"augment.validation": True}))
    feed = ValidationFeed(experiment.pipeline, experiment.devices, experiment.config.train.epochs)
    next(feed.batches(0))
    assert frames_of(feed.batches(1)) == frames_of(experiment.pipeline.validation_batches(1))


@pytest.mark.parametrize("one_by_one", [False, True])  # as on a CPU, and as on an accelerator
def test_runs_at_different_steps_train_side_by_side_to_the_bits_of_each_alone(setup, tmp_path, monkeypatch, one_by_one):
    if one_by_one:
        monkeypatch.setattr("dogjax.train.loop.side_by_side", lambda runs: [[run] for run in runs])
    configs = [replace_fields(setup.config(), {"seeds.init": seed}) for seed in (1, 2)]
    material = load_material(configs[0].data)
    for way, ahead in (("alone", 0), ("together", 2)):
        with contextlib.ExitStack() as stack:
            runs = []
            for number, config in enumerate(configs):
                workdir = Workdir(tmp_path / way / str(number))
                stack.enter_context(workdir.locked())
                runs.append(stack.enter_context(open_run(build_experiment(config, material), workdir)))
                runs[-1].begin()
            loops = [Loop([run], Interrupt(), float("inf"), lambda run: None) for run in runs]
            for _ in range(ahead):
                loops[0].advance()
            both = Loop(runs, Interrupt(), float("inf"), lambda run: None)
            for loop in [both] if ahead else loops:
                assert loop.complete() == []
    for number in "01":
        assert outcome(tmp_path / "alone" / number) == outcome(tmp_path / "together" / number)
