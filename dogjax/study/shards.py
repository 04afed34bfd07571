"""Runs one process's part of a study, or submits the parts as jobs of SLURM or processes of this machine."""

import contextlib
import dataclasses
import os
import pathlib
import signal
import time
import traceback
from collections.abc import Iterator
from typing import Any

import submitit
from tqdm import tqdm

from dogjax import runtime
from dogjax.config import Config
from dogjax.errors import Stopped, UserError
from dogjax.files import read_json
from dogjax.interrupt import Interrupt
from dogjax.study.execute import execute
from dogjax.study.outcome import LiveTable, Outcome, read_outcomes
from dogjax.study.plan import CONTROL, in_shard, plan_runs
from dogjax.train.loop import deadline_of

POLL_SECONDS = 1.0
# At most; train.max_minutes may end a job before.
MINUTES = 24 * 60


def run_shard(config: Config, folder: pathlib.Path, deadline: float) -> None:
    """Runs the rest of the shard that `study.shard` names, the control first.

    Raises:
      UserError, Stopped: as `run_study`.
    """
    mine = in_shard(plan_runs(config), config.study.shard)
    control = [run for run in mine if run.arm == CONTROL]
    with Interrupt() as interrupt, LiveTable(mine, folder) as table:
        for part in (control, [run for run in mine if run.arm != CONTROL]):
            # The run that is killed trains alone, so the others of the control do too.
            width = 1 if part is control else config.study.width
            execute(part, folder, width, interrupt, deadline, table.update)
            if part is control and control:
                _check_control(read_outcomes(folder, control)[0])


def _check_control(outcomes: list[Outcome]) -> None:
    for each in outcomes:
        if not each.finished:
            found = read_json(each.folder / "nonfinite.json")
            raise UserError(
                f"{each.folder}: the control, which is the experiment as it is, diverged: {found['what']} at step "
                f"{found['step']} (epoch {found['epoch']}); lower optim.learning_rate or set optim.clip_norm, in a new "
                "workdir"
            )
    first, *others = outcomes
    for other in others:
        if first.bits() == other.bits():
            continue
        lines = [line for line, same in zip(first.metrics, other.metrics) if line != same]
        where = f"from epoch {lines[0]['epoch']} on" if lines else "in the weights alone"
        raise UserError(
            f"{first.folder} and {other.folder}: two runs of one identity differ {where}, so this machine does not "
            "repeat a run and the spread of others would mean nothing; compare their environment.json, and report it"
        )


def submit_shards(config: Config, folder: pathlib.Path) -> None:
    """Submits `study.shards` jobs that each run one shard, and waits for them.

    Raises:
      UserError: SLURM is not available, or a job failed; the other jobs' results are kept.
      Stopped: after a signal; the jobs on this machine have saved and ended, those of SLURM go on.
    """
    study = config.study
    executor = _executor(study.submit, study.slurm_partition, folder / "jobs")
    gpus = runtime.gpus() if study.submit == "local" else []
    if gpus and study.shards > len(gpus):
        raise UserError(
            f"study.shards={study.shards}: this machine has {len(gpus)} GPUs, and a job takes one; use at most so many"
        )
    shards = [f"{part}/{study.shards}" for part in range(1, study.shards + 1)]
    with Interrupt() as interrupt:
        with _ctrl_c_ignored():
            jobs = [
                executor.submit(run_job, _with_shard(config, shard), folder, gpus[number] if gpus else None)
                for number, shard in enumerate(shards)
            ]
        _wait(jobs, study.submit, interrupt)
    failures = [(shard, reason) for shard, job in zip(shards, jobs) if (reason := _failure(job))]
    if failures:
        shard, reason = failures[0]
        raise UserError(
            f"study.submit='{study.submit}': {len(failures)} of {len(jobs)} jobs failed, the first of them shard "
            f"{shard}: {reason}; the logs are in {folder / 'jobs'}, and the same command goes on from what is finished"
        )


@contextlib.contextmanager
def _ctrl_c_ignored() -> Iterator[None]:
    """Lets processes started within ignore Ctrl-C, which reaches all of them: submitit's would kill its job unsaved."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _wait(jobs: list[Any], cluster: str, interrupt: Interrupt) -> None:
    with tqdm(total=len(jobs), desc=f"{cluster} jobs", unit=" jobs", disable=None) as bar:
        waiting = list(jobs)
        while waiting:
            time.sleep(POLL_SECONDS)
            ended = [job for job in waiting if job.done()]
            waiting = [job for job in waiting if job not in ended]
            bar.update(len(ended))
            if interrupt.signal and cluster == "slurm":
                numbers = " ".join(job.job_id for job in waiting)
                raise Stopped(
                    f"{interrupt.signal.name} received: the SLURM jobs {numbers} go on, until scancel ends them; "
                    "--mode=report joins what they have finished",
                    interrupt.exit_status,
                )
            if interrupt.signal:
                # Each second anew, as a job that has not begun to train does not listen. `cancel` would kill after a
                # second, whether the job has saved by then or not.
                for job in waiting:
                    os.kill(int(job.job_id), signal.SIGTERM)
    interrupt.check()


def run_job(config: Config, folder: pathlib.Path, gpu: str | None) -> str:
    """Runs a job's shard; returns the reason of a failure, or an empty text.

    Args:
      config: of the shard.
      folder: of the study.
      gpu: the only one that the job may use; None: as the environment says.
    """
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu  # JAX reads it when it starts
    try:
        run_shard(config, folder, deadline_of(config))
    except (UserError, Stopped) as error:
        traceback.print_exc()
        return str(error)
    return ""


def _executor(cluster: str, partition: str, logs: pathlib.Path) -> Any:
    try:
        executor = submitit.AutoExecutor(folder=logs, cluster=cluster)
    except RuntimeError as error:
        raise UserError(f"study.submit='{cluster}': {error}; use 'local', or run each study.shard yourself") from error
    executor.update_parameters(timeout_min=MINUTES, name="dogjax-study")
    if cluster == "slurm" and partition:
        executor.update_parameters(slurm_partition=partition)
    return executor


def _with_shard(config: Config, shard: str) -> Config:
    return dataclasses.replace(config, study=dataclasses.replace(config.study, shard=shard, submit="no"))


def _failure(job: Any) -> str:
    error = job.exception()
    return str(error).strip().splitlines()[-1] if error else job.result()
