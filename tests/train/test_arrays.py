"""A run on arrays needs no TensorFlow: it trains, stops and resumes where importing TensorFlow raises."""

import dataclasses
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from dogjax.data.arrays import ArrayImages, table_of_arrays
from dogjax.errors import UserError
from dogjax.train.experiment import build_experiment
from tests.train import arrays

ROOT = pathlib.Path(__file__).parent.parent.parent

PROGRAM = """
import pathlib
import sys

from dogjax.errors import Stopped
from dogjax.files import read_json
from dogjax.interrupt import Interrupt
from dogjax.train.experiment import build_experiment
from dogjax.train.loop import Loop
from dogjax.train.run import open_run
from dogjax.train.workdir import Workdir
from tests.train import arrays

root = pathlib.Path(sys.argv[1])
material, config = arrays.material(60), arrays.config(root, batch_size=8, epochs=3)

def train(folder, stop_after):
    workdir, interrupt = Workdir(folder), Interrupt()
    with workdir.locked(), open_run(build_experiment(config, material), workdir) as run:
        run.begin()
        def watch(run):
            if len(run.metrics) == stop_after:
                interrupt._note(15, None)
        interrupt._previous = {15: __import__("signal").SIG_DFL}
        try:
            Loop([run], interrupt, float("inf"), watch).complete()
        except Stopped:
            pass

train(root / "whole", 0)
train(root / "parts", 1)
assert read_json(root / "parts/result.json")["status"] == "stopped"
train(root / "parts", 0)
assert list((root / "whole/tensorboard").iterdir())
assert not any(name.split(".")[0].startswith("tensorflow") for name in sys.modules)
"""


def test_a_run_from_arrays_stops_and_resumes_to_the_same_bits_without_tensorflow(tmp_path):
    for name in ("tensorflow", "tensorflow_datasets"):
        (tmp_path / "broken" / name).mkdir(parents=True)
        (tmp_path / "broken" / name / "__init__.py").write_text("raise ImportError('must not be imported')")
    environment = os.environ | {"PYTHONPATH": f"{tmp_path / 'broken'}:{ROOT}"}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    whole, parts = (tmp_path / name for name in ("whole", "parts"))
    assert (whole / "metrics.jsonl").read_bytes() == (parts / "metrics.jsonl").read_bytes()
    assert (whole / "result.json").read_bytes() == (parts / "result.json").read_bytes()


def test_arrays_that_do_not_fit_are_refused():
    images = np.zeros((4, 8, 8, 3), np.uint8)
    with pytest.raises(UserError, match=r"images: float32 of shape \(4, 8, 8, 3\); give an array of uint8"):
        ArrayImages(images.astype(np.float32))
    with pytest.raises(UserError, match=r"label: has shape \(3,\); give one entry for each of the 4 images"):
        table_of_arrays(images, np.zeros(3, int), ("a", "b"))
    with pytest.raises(UserError, match="labels: lie outside 0 to 1"):
        table_of_arrays(images, np.full(4, 2), ("a", "b"))


def test_arrays_cannot_be_augmented_on_the_host(tmp_path):
    config = arrays.config(tmp_path, batch_size=8)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, augment_on="host"))
    with pytest.raises(UserError, match=r"data\.augment_on=host: batches of arrays are made on the devices"):
        build_experiment(config, arrays.material(60))


def test_the_fingerprint_of_arrays_follows_their_content():
    images, labels = np.zeros((4, 8, 8, 3), np.uint8), np.arange(4) % 2
    other = images.copy()
    other[0, 0, 0, 0] = 1
    prints = {
        table_of_arrays(pixels, labels[::step], names)[0].fingerprint
        for pixels, step, names in ((images, 1, ("a", "b")), (other, 1, ("a", "b")), (images, -1, ("a", "b")))
    }
    prints.add(table_of_arrays(images, labels, ("b", "a"))[0].fingerprint)
    assert len(prints) == 4
