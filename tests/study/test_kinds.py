"""Studies of arms, of splits and seeds, and of shares each measure what they name."""

import json
import shutil

import pytest

from dogjax.study.study import gather_workdir
from dogjax.train.workdir import Workdir
from tests.study.studies import study_of


def test_an_arm_that_diverges_is_counted_and_the_others_go_on(setup, tmp_path):
    arms = (("hot", (("optim.learning_rate", 1e30),)), ("slow", (("optim.learning_rate", 1e-3),)))
    fields = {"study.kind": "arms", "study.arms": arms, "study.replicates": 2, "train.epochs": 1}
    study = study_of(setup, tmp_path, fields)
    assert {name: arm["diverged"] for name, arm in study["arms"].items()} == {"reference": 0, "hot": 2, "slow": 0}
    assert study["arms"]["hot"]["identical"] is None and study["arms"]["slow"]["identical"] is False
    assert study["against_reference"]["hot"]["accuracy"] is None
    assert study["against_reference"]["slow"]["accuracy"]["p"] is None
    assert "Runs that diverged are left out of all figures: 2 of hot." in study["verdict"]


def test_arms_of_other_sizes_and_lengths_are_compared_at_their_own_ends(setup, tmp_path):
    longer = (("train.epochs", 4), ("split.train_fraction", 0.5))
    arms = (("longer", longer), ("tiny", (("model.dense", ()),)))
    fields = {"study.kind": "arms", "study.arms": arms, "study.replicates": 2, "train.epochs": 2}
    study = study_of(setup, tmp_path, fields)
    runs = {name: json.loads((tmp_path / f"runs/{name}/result.json").read_text()) for name in ("longer-0-000",)}
    assert runs["longer-0-000"]["epoch"] == 4
    last = [tmp_path / f"runs/longer-0-00{number}/metrics.jsonl" for number in (0, 1)]
    ends = [json.loads(path.read_text().splitlines()[-1])["validation"]["accuracy"] for path in last]
    assert study["arms"]["longer"]["accuracy"]["mean"] == pytest.approx(sum(ends) / 2)
    assert study["arms"]["tiny"]["parameters"] < study["arms"]["reference"]["parameters"]
    assert study["capacity"]["smallest"] in study["arms"]
    assert "the smallest network within one standard error" in study["verdict"]


def test_a_crossed_study_names_its_components(setup, tmp_path):
    fields = {"study.kind": "crossed", "study.replicates": 2, "train.epochs": 1}
    study = study_of(setup, tmp_path, fields)
    assert list(study["arms"]) == ["fold0", "fold1"]
    assert set(study["components"]["accuracy"]) == {"split", "seed", "rest"}
    assert "Between splits the accuracy has a standard deviation of" in study["verdict"]
    for gone in (["fold1-0-001"], ["fold1-0-000", "fold1-0-001"], ["fold0-0-001", "fold1-0-001"]):
        folder = shutil.copytree(tmp_path, tmp_path.parent / "-".join(gone))
        for name in gone:
            (folder / f"runs/{name}/result.json").unlink()
        gather_workdir(Workdir(folder))
        study = json.loads((folder / "study.json").read_text())
        assert study["components"] == {"accuracy": None, "loss": None}
        assert "cannot be estimated" in study["verdict"] and study["missing"] == gone


@pytest.mark.usefixtures("without_a_child")
def test_a_sobol_study_shares_the_variance_out(setup, tmp_path):
    fields = {"study.kind": "sobol", "study.streams": ("init", "order"), "study.replicates": 2, "train.epochs": 1}
    study = study_of(setup, tmp_path, fields)
    shares = study["sobol"]["loss"]
    assert list(shares["streams"]) == ["init", "order"]
    assert shares["interactions"] == pytest.approx(1 - sum(each["first"] for each in shares["streams"].values()))
    assert shares["streams"]["init"]["total_less_floor"] is not None
