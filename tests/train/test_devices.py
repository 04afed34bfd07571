"""A run over several devices: whole runs, in a process that has eight of them, resume to the bits of themselves."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from dogjax.files import read_json

ROOT = pathlib.Path(__file__).parent.parent.parent

PROGRAM = """
import pathlib
import sys

import jax

jax.config.update("jax_num_cpu_devices", 8)

from dogjax import runtime

runtime.start()

import numpy as np

from dogjax.config import from_dict, replace_fields
from dogjax.data.arrays import table_of_arrays
from dogjax.errors import Stopped
from dogjax.interrupt import Interrupt
from dogjax.train import batches
from dogjax.train.experiment import Material, build_experiment
from dogjax.train.loop import Loop
from dogjax.train.run import open_run
from dogjax.train.workdir import Workdir

root = pathlib.Path(sys.argv[1])
rng = np.random.default_rng(0)
labels = np.arange(72) % 3
images = rng.integers(0, 256, (72, 16, 16, 3), dtype=np.uint8)
images[..., 0] = 80 * labels[:, None, None]
recording = np.array([f"{label}/{number // 18}" for number, label in enumerate(labels)])
material = Material(*table_of_arrays(images, labels, ("a", "b", "c"), recording=recording, time=np.arange(72) / 3))
config = from_dict({
    "data": {"image_size": 16, "cache_dir": str(root / "cache")},
    "split": {"strategy": "recording", "folds": 2},
    "model": {"widths": [4], "kernels": [3], "dense": [8], "norm": "batch"},
    "train": {"batch_size": 16, "epochs": 2},
})
every = jax.local_devices()

def train(folder, count, stop):
    jax.local_devices = lambda: every[:count]
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

for count in (1, 2, 8):
    train(root / f"whole{count}", count, False)
    train(root / f"parts{count}", count, True)
    train(root / f"parts{count}", count, False)
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("devices")
    command = [sys.executable, "-c", PROGRAM, str(root)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, env=environment)
    assert done.returncode == 0, done.stderr
    return root


@pytest.mark.parametrize("count", [1, 2, 8])
def test_a_run_over_devices_resumes_to_the_same_bits(root, count):
    whole, parts = (root / f"{name}{count}" for name in ("whole", "parts"))
    for name in ("metrics.jsonl", "result.json", "evaluation.json", "predictions/epoch_0002.npz"):
        assert (whole / name).read_bytes() == (parts / name).read_bytes()
    assert read_json(whole / "result.json")["status"] == "finished"


@pytest.mark.parametrize("count", [2, 8])
def test_a_run_over_devices_trains_like_one_on_one_device(root, count):
    one, many = (read_json(root / f"whole{n}/result.json")["validation"]["final"]["loss"] for n in (1, count))
    assert np.isclose(one, many, rtol=1e-2)  # sums are rounded in another order
