"""A run over several devices: whole runs, in a process that has eight of them, resume to the bits of themselves."""

import sys

import numpy as np
import pytest

from dogjax.files import read_json
from dogjax.train.workdir import Workdir
from tests.train.runs import run_command

PROGRAM = """
import pathlib
import sys

import jax
import numpy as np

jax.config.update("jax_num_cpu_devices", 8)

from dogjax import runtime

runtime.start()

from dogjax.errors import Stopped
from dogjax.interrupt import Interrupt
from dogjax.train.experiment import build_experiment
from dogjax.train.loop import Loop
from dogjax.train.run import open_run
from dogjax.train.step import program_of
from dogjax.train.workdir import Workdir
from tests.train import arrays

root = pathlib.Path(sys.argv[1])
material, config = arrays.material(), arrays.config(root, batch_size=20, epochs=2)
every = jax.local_devices()

def train(folder, count, stop):
    jax.local_devices = lambda: every[:count]
    program_of.cache_clear()
    jax.clear_caches()
    workdir, interrupt = Workdir(folder), Interrupt()
    experiment = build_experiment(config, material)
    assert experiment.devices.count == count
    with workdir.locked(), open_run(experiment, workdir) as run:
        run.begin()
        leaf = jax.tree.leaves(run.state.params)[0]
        assert len(leaf.sharding.device_set) == count
        try:
            loop = Loop([run], interrupt, float("inf"), lambda run: None)
            if stop:
                loop.advance()
                loop._deadline = 0.0
            loop.complete()
        except Stopped:
            pass

train(root / "one", 1, False)
train(root / "whole", 8, False)
train(root / "parts", 8, True)
train(root / "parts", 8, False)

# Of 20 frames, which lie whole on each device, one computes three, and of 16 two. As an accelerator's: XLA does not
# divide the convolution that a CPU has.
runtime.on_accelerator = lambda: True
program_of.cache_clear()
jax.clear_caches()
experiment = build_experiment(config, material)
program, state = experiment.program, experiment.initial_state()
work = {}
for frames in (16, 20):
    images = experiment.devices.shard(material.images.read(np.arange(frames)).astype(np.float32))
    labels = experiment.devices.shard(material.table.label[:frames])
    assert images.sharding.is_fully_replicated == (frames == 20)
    for name, arguments in {
        "train_steps": (state, [images], [labels], jax.random.key(0), experiment.numbers(0, 1)),
        "predict": (state.params, [state.batch_stats], images),
        "batch_statistics": ({"params": state.params, "batch_stats": state.batch_stats}, images),
    }.items():
        work[name, frames] = getattr(program, name).lower(*arguments).compile().cost_analysis()["flops"]
assert all(flops < 2 * work[name, 16] for (name, _), flops in work.items()), work
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("devices")
    done = run_command([sys.executable, "-c", PROGRAM, str(root)])
    assert done.returncode == 0, done.stderr
    return root


def test_a_run_over_devices_resumes_to_the_same_bits(root):
    for name in ("metrics.jsonl", "result.json", "evaluation.json", "predictions/epoch_0002.npz"):
        assert (root / "whole" / name).read_bytes() == (root / "parts" / name).read_bytes()
    assert read_json(root / "whole/result.json")["status"] == "finished"


def test_a_run_over_devices_trains_like_one_on_one_device(root):
    """Its last batches of an epoch, which the devices cannot share evenly, included."""
    one, many = (Workdir(root / name).read_metrics() for name in ("one", "whole"))
    for mine, other in zip(many, one, strict=True):
        # Sums are rounded in another order, and a step makes more of the difference than the one before.
        assert np.isclose(mine["train"]["loss"], other["train"]["loss"], rtol=1e-4)
        assert np.isclose(mine["validation"]["loss"], other["validation"]["loss"], rtol=1e-2)
