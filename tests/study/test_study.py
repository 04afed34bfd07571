"""A study ends with the same files, however it was run."""

import csv
import json
import shutil
import signal
import subprocess
import time

import pytest

from dogjax.config import replace_fields
from dogjax.errors import UserError
from dogjax.study.study import gather_workdir, run_study
from dogjax.train.workdir import Workdir
from tests.train.runs import epochs_done, run_command

STUDY = {
    "study.streams": ("init",),
    "study.replicates": 3,
    "study.bases": 1,
    "study.lengths": (0.5,),
    "train.epochs": 2,
}


def study_of(setup, folder, fields=STUDY, **more):
    config = replace_fields(setup.config(), fields | more)
    run_study(config, Workdir(folder))
    return json.loads((folder / "study.json").read_text())


def files(folder):
    return (folder / "study.json").read_bytes(), (folder / "runs.csv").read_bytes()


def flags(fields):
    return [f"--config.{name}={value}" for name, value in fields.items()]


@pytest.fixture(scope="module")
def finished(setup, tmp_path_factory):
    """A study that was left alone."""
    folder = tmp_path_factory.mktemp("study") / "study"
    study_of(setup, folder)
    return folder


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
    assert study["verdict"].startswith("The control has one run, compared with none")


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


def test_runs_trained_together_and_runs_trained_alone_give_the_same_study(setup, finished, tmp_path):
    study_of(setup, tmp_path / "alone", **{"study.width": 1})
    assert files(tmp_path / "alone") == files(finished)


def test_where_replicas_are_vmapped_the_control_trains_alone_as_the_killed_run_does(setup, tmp_path, monkeypatch):
    for user in ("train.loop", "study.shards"):
        monkeypatch.setattr(f"dogjax.{user}.are_vmapped", lambda: True)
    study = study_of(setup, tmp_path)
    assert study["control"] == {"runs": 3, "identical": True, "killed": 1}
    widths = {}
    for run in (tmp_path / "runs").iterdir():
        parts = json.loads((run / "environment.json").read_text())["segments"]
        widths.setdefault(run.name.split("-")[0], set()).update(each["environment"]["replica_width"] for each in parts)
    assert widths == {"control": {1}, "poke": {2}, "init": {2}}


def test_a_study_killed_several_times_ends_with_the_same_files(setup, finished, tmp_path):
    folder = tmp_path / "killed"
    command = setup.command(folder, "--mode=study", *flags(STUDY))
    for epochs in (1, 4, 9):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None and sum(map(epochs_done, folder.glob("runs/*"))) < epochs:
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
    ended = run_command(command)
    assert ended.returncode == 0, ended.stderr
    assert files(folder) == files(finished)
    assert json.loads((folder / "study.json").read_text())["verdict"] in " ".join(ended.stdout.split())
    assert (folder / "report.html").exists()


def test_shards_in_processes_of_their_own_give_the_same_study(setup, finished, tmp_path):
    folder = tmp_path / "shards"
    study_of(setup, folder, **{"study.submit": "local", "study.shards": 2})
    assert files(folder) == files(finished)


def test_a_longer_study_goes_on_with_the_runs_it_has(setup, finished, tmp_path):
    shutil.copytree(finished, tmp_path / "longer")
    study = study_of(setup, tmp_path / "longer", **{"train.epochs": 3})
    assert study["epochs"] == 3 and study["missing"] == []
    assert {epochs_done(folder) for folder in (tmp_path / "longer/runs").iterdir()} == {3}
    study_of(setup, tmp_path / "fresh", **{"train.epochs": 3})
    assert files(tmp_path / "longer") == files(tmp_path / "fresh")


def test_a_control_that_differs_stops_the_study(setup, tmp_path):
    study_of(setup, tmp_path)
    metrics = tmp_path / "runs/control-0-001/metrics.jsonl"
    metrics.write_text(metrics.read_text().replace('"epoch": 2', '"epoch": 2, "odd": 1'))
    with pytest.raises(UserError, match=r"control-0-001: two runs of one identity differ from epoch 2 on"):
        study_of(setup, tmp_path)


def test_a_control_that_diverges_stops_the_study_and_says_so(setup, tmp_path):
    hot = STUDY | {"optim.learning_rate": 1e30}
    for _ in range(2):  # a queue may start it again
        ended = run_command(setup.command(tmp_path / "study", "--mode=study", *flags(hot)))
        assert ended.returncode == 2, ended.stderr
        assert (
            "control-0-000: the control, which is the experiment as it is, diverged: the training loss is"
            in (ended.stderr.splitlines()[-1])
        )
        assert "at step 1 (epoch 1); lower optim.learning_rate" in ended.stderr and "Traceback" not in ended.stderr


def test_an_arm_that_diverges_is_counted_and_the_others_go_on(setup, tmp_path):
    arms = (("hot", (("optim.learning_rate", 1e30),)), ("slow", (("optim.learning_rate", 1e-3),)))
    fields = {"study.kind": "arms", "study.arms": arms, "study.replicates": 2, "train.epochs": 1}
    study = study_of(setup, tmp_path, fields)
    assert {name: arm["diverged"] for name, arm in study["arms"].items()} == {"reference": 0, "hot": 2, "slow": 0}
    assert study["arms"]["hot"]["identical"] is None and study["arms"]["slow"]["identical"] is False
    assert study["against_reference"]["hot"]["accuracy"] is None
    assert study["against_reference"]["slow"]["accuracy"]["p"] is None
    assert "Runs diverged, and are in no figure: 2 of hot." in study["verdict"]


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


def test_a_sobol_study_shares_the_variance_out(setup, tmp_path):
    fields = {"study.kind": "sobol", "study.streams": ("init", "order"), "study.replicates": 2, "train.epochs": 1}
    study = study_of(setup, tmp_path, fields)
    shares = study["sobol"]["loss"]
    assert list(shares["streams"]) == ["init", "order"]
    assert shares["interactions"] == pytest.approx(1 - sum(each["first"] for each in shares["streams"].values()))
    assert shares["streams"]["init"]["total_less_floor"] is not None


def test_a_study_that_is_refused_leaves_its_folder_to_a_corrected_one(setup, tmp_path):
    small = {"model.widths": (8,) * 6, "model.kernels": (3,) * 6}
    for fields in (small, {"study.kind": "arms", "study.arms": (("deep", tuple(small.items())),)}):
        with pytest.raises(UserError, match=r"or a larger data\.image_size"):
            study_of(setup, tmp_path, **fields)
        assert not (tmp_path / "config.json").exists() and not (tmp_path / "runs").exists()


def test_another_study_in_the_same_folder_is_refused(setup, finished):
    with pytest.raises(UserError, match=r"holds a run of another configuration: study\.replicates"):
        study_of(setup, finished, **{"study.replicates": 4})


def test_a_study_that_is_stopped_says_so_and_goes_on(setup, finished, tmp_path):
    folder = tmp_path / "stopped"
    command = setup.command(folder, "--mode=study", *flags(STUDY))
    for number, epochs in ((signal.SIGINT, 5), (signal.SIGTERM, 9)):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            while process.poll() is None and sum(map(epochs_done, folder.glob("runs/*"))) < epochs:
                time.sleep(0.002)
            process.send_signal(number)
            output, errors = process.communicate(timeout=300)
        assert (process.returncode, errors.count("Traceback")) == ({2: 130, 15: 143}[number], 0), output + errors
        assert "the same command" in output
    ended = run_command(command)
    assert ended.returncode == 0, ended.stderr
    assert files(folder) == files(finished)
