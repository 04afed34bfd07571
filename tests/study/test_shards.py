"""A signal does not leave the jobs of a study to themselves without saying so."""

import os
import signal
import time

import pytest
import submitit

from dogjax import runtime
from dogjax.config import replace_fields
from dogjax.errors import Stopped, UserError
from dogjax.files import read_json
from dogjax.study import shards
from dogjax.train.workdir import Workdir
from tests.study.studies import STUDY, flags
from tests.train.launched import Launched
from tests.train.runs import epochs_done


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_local_jobs_and_waits_until_they_have_saved(setup, tmp_path, number, status):
    endless = STUDY | {"train.epochs": 5000, "study.submit": "local", "study.shards": 2}
    command, folder = setup.command(tmp_path / "study", "--mode=study", *flags(endless)), tmp_path / "study"
    with Launched(command) as study:
        # A run of either shard: those of the control, and the others.
        while not all(any(map(epochs_done, folder.glob(f"runs/{arm}-*"))) for arm in ("control", "[pi]*")):
            assert study.is_running(), study.end()
            time.sleep(0.1)
        # Ctrl-C goes to every process of a terminal.
        study.send(number, group=number == signal.SIGINT)
        ended = study.end(timeout=100)
    assert ended.returncode == status, ended
    assert "the same command starts again" in ended.stdout and "Traceback" not in ended.stderr
    jobs = {path.name.split("_")[0] for path in (folder / "jobs").glob("*_submitted.pkl")}
    assert len(jobs) == 2
    for job in jobs:
        with pytest.raises(ProcessLookupError):
            os.kill(int(job), 0)
    for run in (folder / "runs").iterdir():
        with Workdir(run).locked():  # nobody works there
            assert run.name == "control-0-002" or read_json(run / "result.json")["status"] == "stopped"


class Job:
    def __init__(self, number):
        self.job_id = number

    def done(self):
        os.kill(os.getpid(), signal.SIGTERM)
        return False


def test_a_signal_leaves_slurm_jobs_and_says_how_to_end_them(setup, tmp_path, monkeypatch):
    class Executor:
        numbers = iter(("41", "42"))

        def submit(self, *_):
            return Job(next(self.numbers))

    monkeypatch.setattr(shards, "_executor", lambda *_: Executor())
    config = replace_fields(setup.config(), {"study.submit": "slurm", "study.shards": 2})
    handler = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # of both jobs: the second would end this process
    with pytest.raises(
        Stopped, match="SIGTERM received: the SLURM jobs 41 42 go on, until scancel ends them"
    ) as stopped:
        shards.submit_shards(config, tmp_path)
    signal.signal(signal.SIGTERM, handler)
    assert stopped.value.exit_status == 143


class Finished:
    job_id = "1"

    def done(self):
        return True

    def exception(self):
        return None

    def result(self):
        return ""


def test_local_jobs_get_a_gpu_each(setup, tmp_path, monkeypatch):
    given = []

    def submit(_, run, *arguments):
        given.append(arguments[-1])
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        run(*arguments)
        assert os.environ["CUDA_VISIBLE_DEVICES"] == given[-1]
        return Finished()

    monkeypatch.setattr(runtime, "gpus", lambda: ["0", "3"])
    monkeypatch.setattr(submitit.AutoExecutor, "submit", submit)
    monkeypatch.setattr(shards, "run_shard", lambda *_: None)
    config = replace_fields(setup.config(), {"study.submit": "local", "study.shards": 2})
    shards.submit_shards(config, tmp_path)
    assert given == ["0", "3"]
    with pytest.raises(UserError, match=r"study.shards=3: this machine has 2 GPUs"):
        shards.submit_shards(replace_fields(config, {"study.shards": 3}), tmp_path)
