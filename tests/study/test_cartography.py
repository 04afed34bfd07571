"""A study's map of its frames: every run that saw a frame counts, and no other."""

import dataclasses
import json
import shutil
import sys

import numpy as np
import pytest
from scipy.special import softmax

from dogjax.config import replace_fields
from dogjax.errors import UserError
from dogjax.eval.predictions import read_predictions
from dogjax.report.page import write_page
from dogjax.study.cartography import counted_runs, map_frames
from dogjax.study.study import run_study
from dogjax.train.workdir import Workdir
from tests.train.runs import run_command

CROSSED = {"study.kind": "crossed", "study.replicates": 2, "train.epochs": 1, "split.strategy": "recording"}


def mapped(folder):
    map_frames(Workdir(folder), None)
    return json.loads((folder / "cartography.json").read_text())


def own_probabilities(folder, runs="*"):
    """By frame id, the probability of its own dog in each run that validated on it."""
    found = {}
    for run in sorted((folder / "runs").glob(runs)):
        predictions = read_predictions(run, 1)
        own = softmax(predictions.logits.astype(float), axis=1)[np.arange(len(predictions.label)), predictions.label]
        for name, probability in zip(predictions.frame_id, own):
            found.setdefault(str(name), []).append(probability)
    return found


@pytest.fixture(scope="module")
def crossed(setup, tmp_path_factory):
    folder = tmp_path_factory.mktemp("crossed") / "study"
    run_study(replace_fields(setup.config(), CROSSED), Workdir(folder))
    return folder


def test_every_frame_is_mapped_over_the_seeds_of_the_fold_that_left_it_out(crossed):
    found, own = mapped(crossed), own_probabilities(crossed)
    frames = found["frames"]
    assert found["runs"] == 4 and frames["frame_id"] == sorted(own) and set(frames["runs"]) == {2}
    np.testing.assert_allclose(frames["confidence"], [np.mean(own[name]) for name in frames["frame_id"]])
    np.testing.assert_allclose(frames["variability"], [np.std(own[name]) for name in frames["frame_id"]], atol=1e-12)


def test_the_page_has_the_map_and_the_frames(crossed):
    mapped(crossed)
    (crossed / "gallery/999999.png").write_bytes(b"of an earlier map")
    titles = [sheet["title"] for sheet in mapped(crossed)["gallery"]]
    assert not (crossed / "gallery/999999.png").exists()
    write_page(crossed)
    page = (crossed / "report.html").read_text()
    assert "A map of the frames" in page and "Hardest frames" in titles
    assert all(title in page for title in titles) and "data:image/png" in page


def test_a_study_that_was_stopped_is_mapped_as_far_as_it_went(crossed, tmp_path):
    folder = shutil.copytree(crossed, tmp_path / "stopped")
    (folder / "runs/fold1-0-001/result.json").unlink()
    for name in ("study.json", "runs.csv"):
        (folder / name).unlink()
    ended = run_command([sys.executable, "launch.py", f"--workdir={folder}", "--mode=diagnose"])
    assert ended.returncode == 0, ended.stderr
    assert json.loads((folder / "cartography.json").read_text())["runs"] == 3
    assert json.loads((folder / "study.json").read_text())["missing"] == ["fold1-0-001"]
    assert "A map of the frames" in (folder / "report.html").read_text()


def test_of_a_study_of_arms_the_experiment_as_it_is_counts_alone(setup, tmp_path):
    arms = {"study.kind": "arms", "study.arms": (("tiny", (("model.dense", ()),)),)}
    run_study(replace_fields(setup.config(), CROSSED | arms), Workdir(tmp_path))
    found = mapped(tmp_path)
    own = own_probabilities(tmp_path, "reference-*")
    assert found["runs"] == 2 and found["frames"]["frame_id"] == sorted(own)
    np.testing.assert_allclose(found["frames"]["confidence"], [np.mean(own[name]) for name in sorted(own)])


def test_of_a_study_of_seeds_the_control_does_not_count(setup):
    fields = {"study.kind": "seeds", "study.streams": ("init", "order"), "study.replicates": 2, "study.bases": 1}
    arms = {run.arm for run in counted_runs(replace_fields(setup.config(), fields))}
    assert arms == {"poke", "init", "order", "all"}


def test_a_study_without_two_finished_runs_is_refused(setup, tmp_path):
    arms = {"study.kind": "arms", "study.arms": (("tiny", (("model.dense", ()),)),)}
    run_study(replace_fields(setup.config(), CROSSED | arms), Workdir(tmp_path))
    (tmp_path / "runs/reference-0-001/result.json").unlink()
    ended = run_command([sys.executable, "launch.py", f"--workdir={tmp_path}", "--mode=diagnose"])
    assert ended.returncode == 2 and "1 runs of the experiment as it is have finished" in ended.stderr
    assert not (tmp_path / "cartography.json").exists()


def test_frames_that_are_gone_are_an_error(crossed, monkeypatch):
    found = read_predictions(crossed / "runs/fold0-0-000", 1)
    renamed = dataclasses.replace(found, frame_id=np.char.add(found.frame_id, "x"))
    monkeypatch.setattr("dogjax.study.outcome.read_predictions", lambda *_: renamed)
    with pytest.raises(UserError, match="is not among the data any more"):
        map_frames(Workdir(crossed), None)
