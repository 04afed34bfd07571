"""A study ends with the same files, whether its runs train together, alone or anew."""

import csv
import json
import shutil

import pytest

from dogjax.errors import UserError
from dogjax.study.study import gather_workdir
from dogjax.train.workdir import Workdir
from tests.study.studies import files, study_of
from tests.train.runs import epochs_done


def test_the_control_is_identical_also_where_it_was_killed(finished):
    study = json.loads((finished / "study.json").read_text())
    assert study["control"] == {"runs": 3, "identical": True, "killed": 1}
    control = study["arms"]["control"]
    assert control["identical"]
    assert control["accuracy"]["sd"] == control["loss"]["sd"] == control["disagreement"]["mean"] == 0


def test_of_a_single_run_of_the_control_nothing_is_claimed(finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "study")
    for number in (1, 2):
        (folder / f"runs/control-0-00{number}/result.json").unlink()
    gather_workdir(Workdir(folder))
    study = json.loads((folder / "study.json").read_text())
    assert study["control"] == {"runs": 1, "identical": None, "killed": 0}
    assert study["arms"]["control"]["identical"] is None
    assert study["verdict"].startswith("The control has only one run")


def test_every_arm_has_its_spread_and_its_distance_to_the_floor(finished):
    study = json.loads((finished / "study.json").read_text())
    assert list(study["arms"]) == ["control", "poke", "init"]
    assert study["missing"] == []
    for arm in ("poke", "init"):
        low, high = study["arms"][arm]["loss"]["interval"]
        assert 0 < low < study["arms"][arm]["loss"]["sd"] < high
        assert not study["arms"][arm]["identical"]
    assert study["against_poke"]["init"]["loss"]["ratio"] > 1
    assert list(study["lengths"]) == ["1", "2"]
    assert "equal to the bit" in study["verdict"]


def test_runs_csv_has_a_row_a_run(finished):
    rows = list(csv.DictReader((finished / "runs.csv").read_text().splitlines()))
    assert [row["run"] for row in rows][:4] == ["control-0-000", "control-0-001", "control-0-002", "poke-0-000"]
    assert len(rows) == 9 and {row["status"] for row in rows} == {"finished"}
    assert len({row["state_sha256"] for row in rows}) == 7


def test_a_finished_run_is_not_repeated(setup, finished):
    before = {path: path.stat().st_mtime_ns for path in finished.glob("runs/*/*.json*")}
    content = files(finished)
    study_of(setup, finished)
    assert {path: path.stat().st_mtime_ns for path in finished.glob("runs/*/*.json*")} == before
    assert files(finished) == content


@pytest.mark.usefixtures("without_a_child")
def test_runs_trained_together_and_runs_trained_alone_give_the_same_study(setup, finished, tmp_path):
    study_of(setup, tmp_path / "alone", **{"study.width": 1})
    assert files(tmp_path / "alone") == files(finished)


@pytest.mark.usefixtures("without_a_child")
def test_a_longer_study_goes_on_with_the_runs_it_has(setup, finished, tmp_path):
    shutil.copytree(finished, tmp_path / "longer")
    study = study_of(setup, tmp_path / "longer", **{"train.epochs": 3})
    assert study["epochs"] == 3 and study["missing"] == []
    assert {epochs_done(folder) for folder in (tmp_path / "longer/runs").iterdir()} == {3}
    study_of(setup, tmp_path / "fresh", **{"train.epochs": 3})
    assert files(tmp_path / "longer") == files(tmp_path / "fresh")


@pytest.mark.usefixtures("without_a_child")
def test_a_control_that_differs_stops_the_study(setup, tmp_path):
    study_of(setup, tmp_path)
    metrics = tmp_path / "runs/control-0-001/metrics.jsonl"
    metrics.write_text(metrics.read_text().replace('"epoch": 2', '"epoch": 2, "odd": 1'))
    with pytest.raises(UserError, match=r"control-0-001: two runs of one identity differ from epoch 2 on"):
        study_of(setup, tmp_path)


def test_a_study_that_is_refused_leaves_its_folder_to_a_corrected_one(setup, tmp_path):
    small = {"model.widths": (8,) * 6, "model.kernels": (3,) * 6}
    for fields in (small, {"study.kind": "arms", "study.arms": (("deep", tuple(small.items())),)}):
        with pytest.raises(UserError, match=r"or a larger data\.image_size"):
            study_of(setup, tmp_path, **fields)
        assert not (tmp_path / "config.json").exists() and not (tmp_path / "runs").exists()


def test_another_study_in_the_same_folder_is_refused(setup, finished):
    with pytest.raises(UserError, match=r"holds a run of another configuration: study\.replicates"):
        study_of(setup, finished, **{"study.replicates": 4})
