"""Trains the runs of a study that are not finished, side by side where their functions are the same."""

import contextlib
import dataclasses
import multiprocessing
import multiprocessing.connection
import os
import pathlib
import signal
from collections.abc import Callable, Sequence

from dogjax.config import Config, DataConfig
from dogjax.errors import UserError, mistake_of
from dogjax.files import read_json
from dogjax.interrupt import Interrupt, end_with_parent
from dogjax.study.plan import PlannedRun
from dogjax.train.experiment import Experiment, Material, build_experiment, load_material
from dogjax.train.loop import Loop
from dogjax.train.run import Run, open_run
from dogjax.train.step_numbers import without_numbers
from dogjax.train.workdir import Workdir

# Written into a run's folder when it has been killed, so that a resumed study does not kill it again.
KILLED_MARK = "killed.json"
POLL_SECONDS = 0.1


def run_folder(workdir: pathlib.Path, run: PlannedRun) -> pathlib.Path:
    """Returns the folder of a run of the study in `workdir`."""
    return workdir / "runs" / run.name


def has_ended(workdir: pathlib.Path, run: PlannedRun) -> bool:
    """Whether a run has all its epochs, or diverged. A run that a longer study continues has not ended."""
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
    """Trains every run to its end. A run that diverges has ended, too.

    Args:
      runs: in the order in which they are run.
      workdir: of the study.
      width: runs trained at once.
      interrupt: checked before every step.
      deadline: on the monotonic clock, in seconds.
      watch: called after every epoch of a run.

    Raises:
      UserError: as training raises it, but for runs that diverge.
      Stopped: after a signal, or the deadline.
    """
    builder = _Builder()
    waiting = [run for run in runs if not has_ended(workdir, run)]
    # Before this process uses JAX: a TPU has one process at a time, and a GPU's memory would be taken already.
    for run in waiting:
        if run.killed:
            _kill_once(run, workdir, interrupt)
    # Before the first is trained: a mistake in the last arm must not cost the hours of the others.
    for config in {_without_seeds(run.config): run.config for run in waiting}.values():
        builder.experiment(config)
    left = [run for run in waiting if not has_ended(workdir, run)]
    while left:
        builder.keep_only(left)
        batch = _next_batch(left, width, builder)
        left = [run for run in left if run not in [other for other, _ in batch]]
        _train([(run_folder(workdir, run), experiment) for run, experiment in batch], interrupt, deadline, watch)
        del batch  # else its frames would be in memory while the next ones are loaded


class _Builder:
    """Builds experiments that share their frames, and so their memory."""

    def __init__(self) -> None:
        self._materials: dict[DataConfig, Material] = {}

    def experiment(self, config: Config) -> Experiment:
        """Builds the experiment of one run, and loads its frames if no other run has."""
        frames = _frames_of(config)
        if frames not in self._materials:
            self._materials[frames] = load_material(config.data)
        return build_experiment(config, self._materials[frames])

    def keep_only(self, runs: Sequence[PlannedRun]) -> None:
        """Releases the frames that none of `runs` uses."""
        used = {_frames_of(run.config) for run in runs}
        self._materials = {frames: material for frames, material in self._materials.items() if frames in used}


def _frames_of(config: Config) -> DataConfig:
    return dataclasses.replace(config.data, scale="raw")  # frames are scaled later, batch by batch


def _next_batch(runs: Sequence[PlannedRun], width: int, builder: _Builder) -> list[tuple[PlannedRun, Experiment]]:
    """Returns the first run, and up to `width` in all that differ from it in nothing but seeds and a step's numbers."""
    alike = [run for run in runs if _without_numbers(run.config) == _without_numbers(runs[0].config)][:width]
    built = [(run, builder.experiment(run.config)) for run in alike]
    # Runs of another split may have another number of steps, and then do not train side by side.
    steps = built[0][1].pipeline.steps_per_epoch
    return [(run, experiment) for run, experiment in built if experiment.pipeline.steps_per_epoch == steps]


def _without_seeds(config: Config) -> Config:
    return dataclasses.replace(config, seed=0, seeds=type(config.seeds)())


def _without_numbers(config: Config) -> Config:
    return dataclasses.replace(_without_seeds(config), optim=without_numbers(config.optim))


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
    """Starts the run in its own process, which kills itself with signal 9 when half of its epochs are done.

    A run that diverges before has ended, too.
    """
    folder = run_folder(workdir, run)
    if (folder / KILLED_MARK).exists():
        return
    context = multiprocessing.get_context("forkserver")
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=_train_until_killed, args=(run.config, folder, writer))
    process.start()
    writer.close()  # the child's is the only one: without it nothing comes any more
    while process.is_alive():
        process.join(POLL_SECONDS)
        if interrupt.signal:
            process.kill()
    interrupt.check()
    if process.exitcode != -signal.SIGKILL and not has_ended(workdir, run):
        with contextlib.suppress(EOFError):
            raise UserError(reader.recv())
        raise UserError(
            f"{folder}: the process that was to be killed half-way ended by itself, with status {process.exitcode}; "
            "mend the error that it printed above, and start the same command again"
        )


def _train_until_killed(config: Config, folder: pathlib.Path, writer: multiprocessing.connection.Connection) -> None:
    """Trains the run, and kills this process right after an epoch, while its checkpoint is being saved.

    A mistake of the user's is sent to the process that started this one.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both processes; the study decides
    end_with_parent()
    workdir = Workdir(folder)

    def watch(run: Run) -> None:
        if len(run.metrics) >= max(1, config.train.epochs // 2):
            workdir.write(KILLED_MARK, {"signal": "SIGKILL"})
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        _train([(folder, build_experiment(config))], Interrupt(), float("inf"), watch)
    except Exception as error:
        mistake = mistake_of(error)
        if mistake is None:
            raise
        writer.send(mistake)
