"""A small study of seeds for tests, and what it leaves behind."""

import contextlib
import json

from dogjax.config import replace_fields
from dogjax.study import execute
from dogjax.study.study import run_study
from dogjax.train.experiment import build_experiment
from dogjax.train.workdir import Workdir

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


def stop_half_way(run, workdir, interrupt):
    """Stands for `execute._kill_once` without a process of its own: the run ends by an exception after half."""
    folder = execute.run_folder(workdir, run)
    if (folder / execute.KILLED_MARK).exists():
        return

    def watch(trained):
        if len(trained.metrics) >= max(1, run.config.train.epochs // 2):
            Workdir(folder).write(execute.KILLED_MARK, {"signal": "none"})
            raise InterruptedError

    with contextlib.suppress(InterruptedError):
        execute._train([(folder, build_experiment(run.config))], interrupt, float("inf"), watch)
