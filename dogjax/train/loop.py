"""The training loop. One training step, in the order of its calls:

launch.py main, _train        flags and configuration                                     launch.py
  train                       locks the folder                                            here
    build_experiment          data, split, batches, network, compiled functions           experiment.py
    open_run, Run.begin       the newest checkpoint or step 0; the run's files            run.py
    Loop.complete, advance    to the end of the run, of an epoch                          here
      TrainingFeed.batches    batch t, a pure function of the seeds and t                 batches.py
      Replicas.steps          one run's steps, or several runs' on all cores              here
        Program.train_steps   compiled: train_step(state, images, labels, key, numbers)   step.py
          mean_loss           the loss                                                    step.py
          optimizer.update    the updates; optax.apply_updates gives the new parameters   step.py
      Run.take                the next state; the host does not wait for the device       run.py
    Run.finish_epoch          validation, metrics.jsonl, weights, checkpoint              run.py
"""

import collections
import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
from tqdm import tqdm

from dogjax import runtime
from dogjax.config import Config
from dogjax.errors import Diverged, Stopped
from dogjax.interrupt import Interrupt
from dogjax.train.batches import TrainingFeed
from dogjax.train.experiment import Material, build_experiment
from dogjax.train.run import Run, open_run
from dogjax.train.state import TrainState
from dogjax.train.step_numbers import StepNumbers
from dogjax.train.workdir import Workdir

# Steps to a dispatch on an accelerator, where a step may be over before the host has sent the next one. A CPU has no
# such lag, and runs the body of a loop more slowly.
STEPS_ON_AN_ACCELERATOR = 16
# The batches of a dispatch lie on the device together, and once more where they are stacked: 16 of 64 frames of 64 x 64
# pixels are 50 MB, 16 of 256 frames of 384 x 384 pixels would be 7 GB.
DISPATCH_BYTES = 256 * 2**20
# Dispatches that the device has not finished when the host sends the next one: with more, their batches pile up there.
DISPATCHES_UNDER_WAY = 2

# Called with a run after each of its epochs.
Watch = Callable[[Run], None]


def train(config: Config, workdir: Workdir, material: Material | None = None) -> None:
    """Trains the run in `workdir`, or resumes it, to its last epoch.

    Args:
      config: of the run.
      workdir: its folder.
      material: its frames, where they are loaded already or lie in arrays.

    Raises:
      UserError: the folder, the data or the configuration do not allow the run; or the loss became
        infinite or not a number.
      Stopped: a signal came, or `train.max_minutes` have passed; the state is saved.
    """
    deadline = deadline_of(config)
    with workdir.locked():
        workdir.check_config(config)
        with open_run(build_experiment(config, material), workdir) as run:
            for note in run.begin():
                tqdm.write(note)
            with Interrupt() as interrupt, _progress_bar(run) as watch:
                if diverged := Loop([run], interrupt, deadline, watch).complete():
                    raise diverged[0]


def deadline_of(config: Config) -> float:
    """Returns when `train.max_minutes` from now are over, on the monotonic clock."""
    return time.monotonic() + config.train.max_minutes * 60 if config.train.max_minutes else float("inf")


class Loop:
    """Trains runs side by side; batches that several of them draw alike are drawn once.

    Args:
      runs: that share their compiled functions and their number of steps to an epoch.
      interrupt: checked before every dispatch.
      deadline: on the monotonic clock, in seconds.
      watch: called after every epoch of every run.
    """

    def __init__(self, runs: Sequence[Run], interrupt: Interrupt, deadline: float, watch: Watch) -> None:
        self._active, self._diverged = list(runs), []
        self._interrupt, self._deadline, self._watch = interrupt, deadline, watch
        experiments = [run.experiment for run in runs]
        self._config, self._steps_per_epoch = experiments[0].config, runs[0].steps_per_epoch
        self._under_way = collections.deque()
        program, steps = experiments[0].program, max(run.steps for run in runs)
        self._replicas = Replicas(program.train_steps, len(runs))
        draws = [experiment.pipeline.draws for experiment in experiments]
        feeds = {draw: TrainingFeed(each.pipeline, each.devices, steps) for draw, each in zip(draws, experiments)}
        self._feeds = {id(run): feeds[draw] for run, draw in zip(runs, draws)}
        self._keys = {id(run): experiment.streams.key("dropout") for run, experiment in zip(runs, experiments)}

    def complete(self) -> list[Diverged]:
        """Trains every run to its last epoch, and returns the errors of those that diverged.

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
            self._finish(together)
            return
        ahead = [run.step for run in self._active if run not in together]
        stop = min([(behind // self._steps_per_epoch + 1) * self._steps_per_epoch, *ahead])
        self._train(together, stop)
        if stop % self._steps_per_epoch == 0:
            self._for_each(together, self._finish_epoch)

    def _train(self, runs: list[Run], stop: int) -> None:
        self._note_environment(runs)
        at_once = steps_at_once(self._config)
        seen, started = {id(run): run.frames_seen() for run in runs}, time.monotonic()
        while runs[0].step < stop:
            if self._interrupt.signal or time.monotonic() > self._deadline:
                self._stop()
            count = min(end_of_dispatch(runs[0].step, self._steps_per_epoch, at_once), stop) - runs[0].step
            for together in side_by_side(runs):
                self._take_steps(together, count)
        self._for_each(runs, Run.check_losses)
        seconds = time.monotonic() - started
        self._for_each(runs, lambda run: run.note_progress(seconds, run.frames_seen() - seen[id(run)]))

    def _take_steps(self, runs: list[Run], count: int) -> None:
        batches = [self._feeds[id(run)].batches(run.step, count) for run in runs]
        images, labels = ([[batch[name] for batch in of_run] for of_run in batches] for name in ("image", "label"))
        states, keys = [run.state for run in runs], [self._keys[id(run)] for run in runs]
        numbers = [run.experiment.numbers(run.step, count) for run in runs]
        states, losses = self._replicas.steps(states, images, labels, keys, numbers)
        self._under_way.append(losses)
        if len(self._under_way) > DISPATCHES_UNDER_WAY:
            jax.block_until_ready(self._under_way.popleft())
        for run, state, of_run in zip(runs, states, losses):
            run.take(state, of_run)

    def _finish_epoch(self, run: Run) -> None:
        run.finish_epoch()
        self._watch(run)

    def _finish(self, runs: list[Run]) -> None:
        left = [run for run in runs if not run.is_finished]
        self._note_environment(left)
        self._for_each(left, Run.finish)
        self._active = [run for run in self._active if run not in runs]

    def _note_environment(self, runs: list[Run]) -> None:
        for run in runs:
            for note in run.note_environment():
                tqdm.write(note)

    def _for_each(self, runs: Sequence[Run], do: Callable[[Run], None]) -> None:
        """Calls `do` with every run that is still active; one that diverges becomes inactive."""
        for run in [run for run in runs if run in self._active]:
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
        why = f"{self._interrupt.signal.name} received" if self._interrupt.signal else "train.max_minutes have passed"
        where = f"step {self._active[0].step}" if len(self._active) == 1 else f"the steps of {len(self._active)} runs"
        raise Stopped(f"{why}: saved at {where}; the same command goes on from there", self._interrupt.exit_status)


def steps_at_once(config: Config) -> int:
    """Returns the largest number of steps to a dispatch: as many as their batches leave room for."""
    if not runtime.on_accelerator():
        return 1
    batch = config.train.batch_size * config.data.image_size**2 * 12  # three channels of float32
    return max(1, min(STEPS_ON_AN_ACCELERATOR, DISPATCH_BYTES // batch))


def end_of_dispatch(step: int, steps_per_epoch: int, at_once: int) -> int:
    """Returns the step before which the dispatch that begins at `step` ends.

    Dispatches begin at the same steps in every run, and a run stops between two of them: however often it was stopped,
    the same programs were run. An epoch's last batch may be smaller, so it goes alone.
    """
    place = step % steps_per_epoch
    last = steps_per_epoch - 1
    return step + 1 if place == last else step + min(at_once - place % at_once, last - place)


def side_by_side(runs: list[Run]) -> list[list[Run]]:
    """Sorts runs into those whose steps are under way at once: all of them on a CPU, and one by one on an accelerator.

    An accelerator is handed the next run's steps before it has done the last one's, so it never waits. As one `vmap`ped
    function the steps were no faster on an H100 (`docs/performance.md`), and their bits depended on the number of runs.
    """
    return [[run] for run in runs] if runtime.on_accelerator() else [runs]


class Replicas:
    """Takes the steps of one run, or of several that share their compiled function, side by side.

    Each replica has a thread of its own: while one is in an operation too small to share, another uses the idle core.
    The threads change no operation, so a replica has the bits of the run trained alone.

    Args:
      train_steps: the compiled steps of one run.
      most: the largest number of replicas.
    """

    def __init__(self, train_steps: Any, most: int) -> None:
        self._train_steps = train_steps
        self._threads = ThreadPoolExecutor(most, "replica")  # a thread starts when it has work

    def steps(
        self,
        states: Sequence[TrainState],
        images: Sequence[Sequence[jax.Array]],
        labels: Sequence[Sequence[jax.Array]],
        keys: Sequence[jax.Array],
        numbers: Sequence[StepNumbers],
    ) -> tuple[list[TrainState], list[jax.Array]]:
        """Takes the same number of steps of every replica; donates the states that it is given.

        Args:
          states: one a replica.
          images: for each replica a batch a step, `[batch, side, side, 3]`; replicas may name the same arrays.
          labels: likewise, `[batch]`.
          keys: each replica's dropout key.
          numbers: each replica's, with a learning rate a step.

        Returns:
          The next states, and each replica's losses `[steps]`. Of one replica the host does not wait for them.
        """
        if len(states) == 1:
            results = [self._train_steps(states[0], images[0], labels[0], keys[0], numbers[0])]
        else:
            results = list(self._threads.map(self._take_one, states, images, labels, keys, numbers))
        return [state for state, _ in results], [losses for _, losses in results]

    def _take_one(self, *arguments: Any) -> Any:
        return jax.block_until_ready(self._train_steps(*arguments))

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown()


@contextlib.contextmanager
def _progress_bar(run: Run) -> Iterator[Watch]:
    """Yields a function that moves a bar on a terminal, and elsewhere prints a line an epoch."""
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
