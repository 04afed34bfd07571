"""A run that goes on in another environment, or longer, or after damage: it says so, and no file of it lies."""

import shutil

import numpy as np
import pytest

from dogjax.errors import UserError
from dogjax.files import read_json, write_json
from dogjax.train import run as run_module
from dogjax.train.checkpoints import Checkpoints
from dogjax.train.experiment import build_experiment
from dogjax.train.run import evaluate_workdir, open_run
from dogjax.train.state import epochs_with_weights, read_weights, state_sha256
from dogjax.train.workdir import Workdir
from tests.train.runs import outcome, result


@pytest.fixture(scope="module")
def finished(setup, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("finished") / "run"
    setup.train(workdir, train__epochs=2)
    return workdir


@pytest.fixture
def copied(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture
def elsewhere(monkeypatch):
    """The rest of the test is on another machine."""
    here = run_module.environment
    monkeypatch.setattr(run_module, "environment", lambda *args: here(*args) | {"cpu": "another one"})


def files(workdir, *names):
    return {name: (workdir / name).read_bytes() for name in names}


def test_a_finished_run_that_is_started_elsewhere_is_left_as_it_is(setup, copied, elsewhere):
    names = ("evaluation.json", "result.json", "environment.json", "metrics.jsonl")
    before = files(copied, *names)
    setup.train(copied, train__epochs=2)
    assert files(copied, *names) == before


def test_a_run_that_is_only_evaluated_elsewhere_says_so(setup, copied, elsewhere, capsys):
    (copied / "evaluation.json").unlink()
    before = result(copied)
    setup.train(copied, train__epochs=2)
    assert "the environment changed" in capsys.readouterr().out
    assert [segment["from_step"] for segment in read_json(copied / "environment.json")["segments"]] == [
        0,
        before["step"],
    ]
    assert result(copied)["identity"] != before["identity"]
    assert result(copied)["state_sha256"] == before["state_sha256"]


def test_a_longer_run_is_not_finished_while_it_trains(setup, copied):
    assert result(copied)["status"] == "finished"
    workdir = Workdir(copied)
    with workdir.locked(), open_run(build_experiment(setup.config(train__epochs=3)), workdir) as run:
        run.begin()
        assert result(copied)["status"] == "running"


def test_an_evaluation_inside_an_epoch_is_not_taken_for_the_end_of_one(copied):
    workdir = Workdir(copied)
    evaluation = read_json(copied / "evaluation.json")
    assert workdir.read_evaluation() == evaluation
    write_json(copied / "evaluation.json", evaluation | {"step": evaluation["step"] + 1})
    assert workdir.read_evaluation() is None


def test_a_checkpoint_of_other_bits_at_the_same_step_is_replaced(setup, tmp_path):
    experiment = build_experiment(setup.config())
    state = experiment.initial_state()
    other = state.replace(params={**state.params, "Dense_0": {**state.params["Dense_0"], "bias": np.ones(8, "f4")}})
    checkpoints = Checkpoints(tmp_path, 3)
    try:
        for each in (state, other):
            checkpoints.save(each, state_sha256(each), {"who": "test"}, best=True)
        checkpoints.wait()
        restored, *_ = checkpoints.restore(state, 0)
    finally:
        checkpoints.close()
    assert state_sha256(restored) == state_sha256(other)


def test_the_best_checkpoint_before_a_kill_is_kept_until_a_later_one_is_whole(setup, tmp_path):
    state = build_experiment(setup.config()).initial_state()
    first, second, third = (state.replace(step=np.int32(step)) for step in (1, 2, 3))
    checkpoints = Checkpoints(tmp_path, 3)
    saved = {}
    try:
        checkpoints.save(first, "1", {}, best=True)
        checkpoints.wait()
        # A kill between the two copies of the second: the best one is there, the latest is not.
        checkpoints._latest.save, latest = (lambda *args, **options: None), checkpoints._latest.save
        checkpoints.save(second, "2", {}, best=True)
        checkpoints.wait()
        saved["killed"] = sorted(path.name for path in (tmp_path / "best").iterdir())
        checkpoints._latest.save = latest
        checkpoints.drop_best_after(1)
        saved["resumed"] = sorted(path.name for path in (tmp_path / "best").iterdir())
        checkpoints.save(second, "2'", {}, best=True)
        checkpoints.save(third, "3", {}, best=False)
        checkpoints.wait()
        saved["later"] = sorted(path.name for path in (tmp_path / "best").iterdir())
    finally:
        checkpoints.close()
    assert saved == {"killed": ["1", "2"], "resumed": ["1"], "later": ["2"]}


def test_a_damaged_weights_file_is_named_and_a_stray_one_ignored(copied):
    assert epochs_with_weights(copied) == [1, 2]
    (copied / "weights/epoch_x.msgpack").touch()
    assert epochs_with_weights(copied) == [1, 2]
    path = copied / "weights/epoch_0002.msgpack"
    for damage in (b"", path.read_bytes()[:100], b"\x93\x01\x02\x03"):
        path.write_bytes(damage)
        with pytest.raises(UserError, match=r"epoch_0002.msgpack: is damaged \(.*\); remove this file"):
            read_weights(copied, 2)
    assert set(read_weights(copied, 1)) == {"params", "batch_stats"}


def test_evaluation_elsewhere_names_the_step_that_it_is_of(copied, finished):
    (copied / "evaluation.json").unlink()
    evaluate_workdir(Workdir(copied), None)
    assert files(copied, "evaluation.json") == files(finished, "evaluation.json")
    assert outcome(copied) == outcome(finished)
