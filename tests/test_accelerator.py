"""`bench.accelerator --quick` on this machine's CPU: every measure runs, and every figure is kept at once."""

import contextlib
import io
import json

import numpy as np
import pytest

from bench import accelerator, accelerator_table, device
from dogjax.files import read_json


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    """A file as `--pack` writes it, of noise."""
    rng, count = np.random.default_rng(0), 768
    path = tmp_path_factory.mktemp("pack") / "frames.npz"
    frames = {
        "images": np.repeat(np.repeat(rng.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8), 8, axis=1), 8, axis=2),
        "labels": (np.arange(count) % 3).astype(np.int32),
        "recording": np.array([f"r{number // 64}" for number in range(count)]),
        "background": np.array([f"b{number // 192}" for number in range(count)]),
        "time": np.arange(count, dtype=float),
    }
    np.savez_compressed(path, label_names=np.array(["a", "b", "c"]), **frames)
    return path


def in_this_process(name, arguments, *_):
    """What a process of its own would say, without its start."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        device.MEASURES[name](**arguments)
    return [json.loads(line) for line in said.getvalue().splitlines() if line.startswith("{")]


def test_every_measure_runs_and_a_killed_run_ends_with_the_same_bits(pack, tmp_path, monkeypatch):
    monkeypatch.setattr(accelerator, "_lines", in_this_process)  # the run that is killed has a process of its own
    accelerator.measure_all(str(pack), tmp_path / "found.json", quick=True, minutes=5)
    found = read_json(tmp_path / "found.json")
    rows = {row["measure"]: row for row in found["rows"]}
    assert not [row for row in found["rows"] if "failed" in row]
    assert list(rows) == [
        "bits, cold",
        "bits, killed",
        "bits, killed and resumed",
        "step",
        "batch",
        "study",
    ]
    assert rows["bits, killed"]["status"] == -9
    assert rows["bits, cold"]["state_sha256"] == rows["bits, killed and resumed"]["state_sha256"]
    assert found["device"]["backend"] == "cpu"
    page = accelerator_table.section(tmp_path / "found.json")
    words = (
        rows["bits, cold"]["state_sha256"][:12],
        "64, 8, float32",
        "augmented in every way",
        "2 of configs/small.py",
    )
    assert all(word in page for word in words)


def test_when_the_time_is_up_what_was_found_is_kept(pack, tmp_path):
    accelerator.measure_all(str(pack), tmp_path / "found.json", quick=True, minutes=0.01)
    assert {row["failed"] for row in read_json(tmp_path / "found.json")["rows"] if "failed" in row} == {
        "the time was up"
    }


def test_without_figures_the_page_says_so(tmp_path):
    assert "Not measured" in accelerator_table.section(tmp_path / "none.json")
