"""The training loop, of one run or of several side by side."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tqdm import tqdm

from dogjax.config import Config
from dogjax.errors import Diverged, Stopped
from dogjax.interrupt import Interrupt
from dogjax.train.dispatch import end_of_dispatch, steps_at_once
from dogjax.train.experiment import build_experiment
from dogjax.train.feed import Feed
from dogjax.train.replicas import Replicas
from dogjax.train.run import Run, open_run
from dogjax.train.workdir import Workdir

# Called with a run after each of its epochs.
Watch = Callable[[Run], None]


def train(config: Config, workdir: Workdir) -> None:
    """Trains the run in `workdir`, or resumes it, to its last epoch.

    Raises:
      UserError: the folder, the data or the configuration do not allow the run; or the loss became
        infinite or not a number.
      Stopped: a signal came, or `train.max_minutes` were over; the state is saved.
    """
    deadline = deadline_of(config)
    with workdir.locked():
        workdir.check_config(config)
        with open_run(build_experiment(config), workdir) as run:
            for note in run.begin():
                tqdm.write(note)
            with Interrupt() as interrupt, _progress_bar(run) as watch:
                if diverged := Loop([run], interrupt, deadline, watch).complete():
                    raise diverged[0]


def deadline_of(config: Config) -> float:
    """When `train.max_minutes` from now are over, on the monotonic clock."""
    return time.monotonic() + config.train.max_minutes * 60 if config.train.max_minutes else float("inf")


class Loop:
    """Trains runs side by side; batches that several of them draw alike are drawn once.

    Args:
      runs: that share their compiled functions and their number of steps to an epoch.
      interrupt: looked at before every dispatch.
      deadline: on the monotonic clock, in seconds.
      watch: called after every epoch of every run.
    """

    def __init__(self, runs: Sequence[Run], interrupt: Interrupt, deadline: float, watch: Watch) -> None:
        self._active, self._diverged = list(runs), []
        self._interrupt, self._deadline, self._watch = interrupt, deadline, watch
        self._steps_per_epoch, self._at_once = runs[0].steps_per_epoch, steps_at_once()
        experiments = [run.experiment for run in runs]
        program, steps = experiments[0].program, max(run.steps for run in runs)
        self._replicas = Replicas(program.train_steps, program.train_replicas, len(runs))
        draws = [each.pipeline.draws for each in experiments]
        feeds = {draw: Feed(each.pipeline, each.devices, steps) for draw, each in zip(draws, experiments)}
        self._feeds = {id(run): feeds[draw] for run, draw in zip(runs, draws)}
        self._keys = {id(run): each.streams.key("dropout") for run, each in zip(runs, experiments)}

    def complete(self) -> list[Diverged]:
        """Trains every run to its last epoch; what became of those that cannot go on.

        Raises:
          Stopped: after a signal, or the deadline; every run is saved.
        """
        try:
            while self._active:
                self.advance()
        finally:
            self._replicas.close()
        return self._diverged

    def advance(self) -> None:
        """Trains the runs that are furthest behind to the end of their epoch, or to where others wait.

        Raises:
          Stopped: as `complete`.
        """
        behind = min(run.step for run in self._active)
        together = [run for run in self._active if run.step == behind]
        if behind == together[0].steps:
            self._for_each(together, Run.finish)
            self._active = [run for run in self._active if run not in together]
            return
        ahead = [run.step for run in self._active if run not in together]
        stop = min([(behind // self._steps_per_epoch + 1) * self._steps_per_epoch, *ahead])
        self._train(together, stop)
        if stop % self._steps_per_epoch == 0:
            self._for_each(together, self._finish_epoch)

    def _train(self, runs: list[Run], stop: int) -> None:
        for run in runs:
            for note in run.note_environment(self._replicas.width(len(runs))):
                tqdm.write(note)
        seen, started = {id(run): run.frames_seen() for run in runs}, time.monotonic()
        while runs[0].step < stop:
            if self._interrupt.signal or time.monotonic() > self._deadline:
                self._stop()
            end = end_of_dispatch(runs[0].step, self._steps_per_epoch, self._at_once)
            self._take_steps(runs, min(end, stop) - runs[0].step)
        self._for_each(runs, Run.check_losses)
        seconds = time.monotonic() - started
        self._for_each(runs, lambda run: run.note_progress(seconds, run.frames_seen() - seen[id(run)]))

    def _take_steps(self, runs: list[Run], count: int) -> None:
        batches = [self._feeds[id(run)].batches(run.step, count) for run in runs]
        images, labels = ([[batch[name] for batch in each] for each in batches] for name in ("image", "label"))
        states, keys = [run.state for run in runs], [self._keys[id(run)] for run in runs]
        states, losses = self._replicas.steps(states, images, labels, keys)
        for run, state, each in zip(runs, states, losses):
            run.take(state, each)

    def _finish_epoch(self, run: Run) -> None:
        run.finish_epoch()
        self._watch(run)

    def _for_each(self, runs: Sequence[Run], do: Callable[[Run], None]) -> None:
        """Does it for every run that is still active; one that diverges is not any more."""
        for run in [each for each in runs if each in self._active]:
            try:
                do(run)
            except Diverged as error:
                self._diverged.append(error)
                self._active.remove(run)

    def _stop(self) -> None:
        self._for_each(self._active, Run.check_losses)
        self._for_each(self._active, Run.stop)
        if self._diverged and not self._active:
            raise self._diverged[0]
        why = f"{self._interrupt.signal.name} received" if self._interrupt.signal else "train.max_minutes are over"
        where = f"step {self._active[0].step}" if len(self._active) == 1 else f"the steps of {len(self._active)} runs"
        raise Stopped(f"{why}: saved at {where}; the same command goes on from there", self._interrupt.exit_status)


@contextlib.contextmanager
def _progress_bar(run: Run) -> Iterator[Watch]:
    """A bar on a terminal, else a line an epoch."""
    epochs, done = run.experiment.config.train.epochs, len(run.metrics)
    with tqdm(total=epochs, initial=done, desc="training", unit=" epochs", disable=None) as bar:

        def watch(run: Run) -> None:
            bar.update()
            bar.set_postfix_str(_curve_text(run.metrics[-1]))
            if bar.disable:
                print(f"epoch {len(run.metrics)} of {epochs}: {_curve_text(run.metrics[-1])}", flush=True)

        yield watch


def _curve_text(line: dict[str, Any]) -> str:
    train, validation = line["train"], line["validation"]
    return (
        f"train loss {train['loss']:.3f}, validation loss {validation['loss']:.3f}, "
        f"accuracy {validation['accuracy']:.1%}"
    )
