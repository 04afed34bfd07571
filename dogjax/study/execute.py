"""Runs the runs of a study that are not finished, side by side where their functions are the same."""

import contextlib
import dataclasses
import multiprocessing
import multiprocessing.connection
import os
import pathlib
import signal
import threading
from collections.abc import Callable, Iterator, Sequence

from dogjax.config import Config, DataConfig
from dogjax.errors import UserError
from dogjax.files import read_json
from dogjax.interrupt import Interrupt
from dogjax.study.plan import PlannedRun
from dogjax.train.experiment import Experiment, Material, build_experiment, load_material
from dogjax.train.loop import Loop
from dogjax.train.run import Run, open_run
from dogjax.train.workdir import Workdir

# Written into a run's folder when it has been killed, so that a resumed study does not kill it again.
KILLED_MARK = "killed.json"
POLL_SECONDS = 0.1


def run_folder(workdir: pathlib.Path, run: PlannedRun) -> pathlib.Path:
    """Where a run of the study in `workdir` is."""
    return workdir / "runs" / run.name


def has_ended(workdir: pathlib.Path, run: PlannedRun) -> bool:
    """Whether a run has all its epochs, or diverged; one that a longer study goes on with has not."""
    path = run_folder(workdir, run) / "result.json"
    if not path.exists():
        return False
    result = read_json(path)
    finished = result["status"] == "finished" and result["epoch"] == run.config.train.epochs
    return finished or result["status"] == "diverged"


def execute(
    runs: Sequence[PlannedRun],
    workdir: pathlib.Path,
    width: int,
    interrupt: Interrupt,
    deadline: float,
    watch: Callable[[Run], None],
) -> None:
    """Finishes every run that is not. A run that diverges has ended, too.

    Args:
      runs: in the order in which they are run.
      workdir: of the study.
      width: runs trained at once.
      interrupt: looked at before every step.
      deadline: on the monotonic clock, in seconds.
      watch: called after every epoch of a run.

    Raises:
      UserError: as training raises it, but for runs that diverge.
      Stopped: after a signal, or the deadline.
    """
    builder = _Builder()
    waiting = [run for run in runs if not has_ended(workdir, run)]
    # Before the first is trained: a mistake in the last arm must not cost the hours of the others.
    for config in {_without_seeds(run.config): run.config for run in waiting}.values():
        builder.experiment(config)
    for run in runs:
        if run.killed and not has_ended(workdir, run):
            _kill_once(run, workdir, interrupt)
    for together in _batches([run for run in runs if not has_ended(workdir, run)], width, builder):
        _train([(run_folder(workdir, run), experiment) for run, experiment in together], interrupt, deadline, watch)


class _Builder:
    """Experiments that share their frames, and so their memory."""

    def __init__(self) -> None:
        self._materials: dict[DataConfig, Material] = {}

    def experiment(self, config: Config) -> Experiment:
        frames = dataclasses.replace(config.data, scale="raw")  # frames are scaled later, batch by batch
        if frames not in self._materials:
            self._materials[frames] = load_material(config.data)
        return build_experiment(config, self._materials[frames])


def _batches(
    runs: Sequence[PlannedRun], width: int, builder: _Builder
) -> Iterator[list[tuple[PlannedRun, Experiment]]]:
    """Up to `width` runs each, in order, that differ in nothing but seeds."""
    left = list(runs)
    while left:
        kin = [run for run in left if _without_seeds(run.config) == _without_seeds(left[0].config)][:width]
        built = [(run, builder.experiment(run.config)) for run in kin]
        # Runs of another split may have another number of steps, and then do not train side by side.
        together = [(run, each) for run, each in built if each.program is built[0][1].program]
        left = [run for run in left if run not in [each for each, _ in together]]
        yield together


def _without_seeds(config: Config) -> Config:
    return dataclasses.replace(config, seed=0, seeds=type(config.seeds)())


def _train(
    runs: list[tuple[pathlib.Path, Experiment]], interrupt: Interrupt, deadline: float, watch: Callable[[Run], None]
) -> None:
    with contextlib.ExitStack() as stack:
        opened = []
        for folder, experiment in runs:
            workdir = Workdir(folder)
            stack.enter_context(workdir.locked())
            workdir.check_config(experiment.config)
            opened.append(stack.enter_context(open_run(experiment, workdir)))
            opened[-1].begin()
        Loop(opened, interrupt, deadline, watch).complete()


def _kill_once(run: PlannedRun, workdir: pathlib.Path, interrupt: Interrupt) -> None:
    """Starts the run in a process of its own, which kills itself with signal 9 when half of its epochs are done.

    One that diverges before has ended, too.
    """
    folder = run_folder(workdir, run)
    if (folder / KILLED_MARK).exists():
        return
    process = multiprocessing.get_context("spawn").Process(target=_train_until_killed, args=(run.config, folder))
    process.start()
    while process.is_alive():
        process.join(POLL_SECONDS)
        if interrupt.signal:
            process.kill()
    interrupt.check()
    if process.exitcode != -signal.SIGKILL and not has_ended(workdir, run):
        raise UserError(
            f"{folder}: the process that was to be killed on its way ended by itself, with status {process.exitcode}; "
            "see its error above"
        )


def _train_until_killed(config: Config, folder: pathlib.Path) -> None:
    """The end comes right after an epoch, while its checkpoint is being saved in the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both processes; the study decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    workdir = Workdir(folder)

    def watch(run: Run) -> None:
        if len(run.metrics) >= max(1, config.train.epochs // 2):
            workdir.write(KILLED_MARK, {"signal": "SIGKILL"})
            os.kill(os.getpid(), signal.SIGKILL)

    _train([(folder, build_experiment(config))], Interrupt(), float("inf"), watch)


def _end_with_parent() -> None:
    """Kills this process when the study's is killed: nobody would wait for it any more."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGKILL)
