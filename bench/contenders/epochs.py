"""An epoch of dogjax from end to end, and the device's work in it alone."""

import atexit
import contextlib
import pathlib
import shutil
import tempfile
from collections.abc import Callable

import jax

from bench.contenders import post
from configs import baseline
from dogjax import config as config_lib
from dogjax.interrupt import Interrupt
from dogjax.train.experiment import build_experiment
from dogjax.train.loop import Loop
from dogjax.train.run import open_run
from dogjax.train.step import PRECISE_FRAMES
from dogjax.train.workdir import Workdir

# No race is longer.
MOST = 1000


def _config() -> config_lib.Config:
    c = baseline.get_config()
    c.train.epochs = MOST
    return config_lib.from_dict(c.to_dict())


def end_to_end() -> Callable[[], float]:
    """All that a run does in an epoch of 1,350 training and 450 validation frames, checkpoint included."""
    experiment = build_experiment(_config())
    folder = tempfile.mkdtemp(prefix="dogjax-bench-")
    atexit.register(shutil.rmtree, folder)
    stack = contextlib.ExitStack()
    atexit.register(stack.close)  # before the folder goes, and not before: it holds the run open
    run = stack.enter_context(open_run(experiment, Workdir(pathlib.Path(folder))))
    run.begin()
    loop = Loop([run], Interrupt(), float("inf"), lambda run: None)

    return post.lap_of(loop.advance, lambda: None, post.EPOCHS)


def compute() -> Callable[[], float]:
    """The same epoch's steps and forward passes, on batches that lie on the device already."""
    experiment = build_experiment(_config())
    pipeline, devices = experiment.pipeline, experiment.devices
    train = list(devices.prefetch(pipeline.train_batches(0, pipeline.steps_per_epoch), ("image", "label")))
    validation = list(devices.prefetch(pipeline.validation_batches(0), ("image",)))
    clean = list(devices.prefetch(pipeline.clean_training_batches(PRECISE_FRAMES), ("image",)))
    state, key = experiment.initial_state(), experiment.streams.key("dropout")
    numbers = experiment.numbers(0, 1)  # of every step: the rate is constant

    def one() -> None:
        nonlocal state
        for batch in train:
            state, _ = experiment.program.train_steps(state, [batch["image"]], [batch["label"]], key, numbers)
        statistics = [experiment.program.batch_statistics(state.evaluated, batch["image"]) for batch in clean]
        params, both = state.evaluated["params"], [state.evaluated["batch_stats"]] * 2  # the running, and the measured
        jax.block_until_ready([experiment.program.predict(params, both, batch["image"]) for batch in validation])
        jax.block_until_ready((state, statistics))

    return post.lap_of(one, lambda: None, post.EPOCHS)
