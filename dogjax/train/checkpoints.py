"""Checkpoints in Orbax, and the state that a run resumes from.

`latest/STEP` are those to resume from, `best/STEP` is the best one, and `damaged/STEP` could not be read.
"""

import functools
import logging
import pathlib
import shutil
import sys
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp

from dogjax.errors import UserError
from dogjax.train.experiment import Experiment
from dogjax.train.state import TrainState, state_sha256

# A new best one and the one before it, until a later checkpoint is whole: a run that is killed in between goes on from
# before the new one, which in another environment may not be the best any more.
BEST_KEPT = 2


class Checkpoints:
    """The `checkpoints/` folder of a run.

    Args:
      folder: the folder.
      keep: how many of the latest to keep.
      read_only: whether nothing in the folder may change.
    """

    def __init__(self, folder: pathlib.Path, keep: int, *, read_only: bool = False) -> None:
        self.folder = folder.resolve()
        self._latest = _manager(self.folder / "latest", keep, read_only)
        self._best = _manager(self.folder / "best", BEST_KEPT, read_only)

    def save(self, state: TrainState, digest: str, identity: dict[str, Any], *, best: bool) -> None:
        """Starts saving `state` in the background, as one of the latest and perhaps as the best.

        Args:
          state: on the device or the host.
          digest: its `state_sha256`.
          identity: of the run.
          best: whether it is the best so far.
        """
        # No save overtakes an earlier one: the best checkpoint is whole before a later latest one is.
        newest = self.latest_step()
        for replaced in sorted(self._best.all_steps())[:-1]:
            if newest is not None and newest >= max(self._best.all_steps()):
                self._best.delete(replaced)
        host: TrainState = jax.device_get(state)
        step = int(host.step)
        metadata = {"identity": identity, "state_sha256": digest}
        for manager in (self._best, self._latest) if best else (self._latest,):
            # A resumed run comes again to steps that it saved before it was killed: in the same environment with the
            # same bits, in another one perhaps with others.
            if step in manager.all_steps():
                if _saved_digest(manager, step) == digest:
                    continue
                manager.delete(step)
            arguments = ocp.args.Composite(
                state=ocp.args.StandardSave(_as_dict(host)), metadata=ocp.args.JsonSave(metadata)
            )
            manager.save(step, args=arguments, force=True)

    def drop_best_after(self, step: int) -> None:
        """Removes the best checkpoints of later steps: the run goes on from `step`."""
        for later in [saved for saved in self._best.all_steps() if saved > step]:
            self._best.delete(later)

    def latest_step(self) -> int | None:
        """Returns the step of the newest checkpoint; waits for saves under way."""
        self.wait()
        return self._latest.latest_step()

    def restore(self, template: TrainState, last_step: int) -> tuple[TrainState | None, dict[str, Any], list[str]]:
        """Reads the newest sound checkpoint, at `last_step` at most.

        Damaged ones after it (unreadable, or not the bits that were saved) are moved to `damaged/`. Where
        none is sound, all stay where they are.

        Returns:
          The state on the host (None without a checkpoint), the identity saved with it, and a sentence for each damaged
          checkpoint.

        Raises:
          UserError: there are checkpoints, and none of them is sound.
        """
        damaged: dict[int, str] = {}
        for step in sorted((saved for saved in self._latest.all_steps() if saved <= last_step), reverse=True):
            read = self._try_to_read(step, template)
            if isinstance(read, str):
                damaged[step] = f"checkpoint {step} is damaged ({read})"
                continue
            for broken in damaged:
                self._set_aside(broken)
            notes = [f"{why}: moved to checkpoints/damaged" for why in damaged.values()]
            return read.state, read.identity, notes
        if damaged:
            first = next(iter(damaged.values()))
            raise UserError(f"{self.folder}: no sound checkpoint is left ({first}); start again in a new workdir")
        return None, {}, []

    def read_sound(self, template: TrainState, last_step: int) -> TrainState | None:
        """Reads the newest sound checkpoint, at `last_step` at most, and leaves damaged ones where they are."""
        for step in sorted((saved for saved in self._latest.all_steps() if saved <= last_step), reverse=True):
            if not isinstance(read := self._try_to_read(step, template), str):
                return read.state
        return None

    def wait(self) -> None:
        """Waits until every save has reached the disk."""
        self._latest.wait_until_finished()
        self._best.wait_until_finished()

    def close(self) -> None:
        """Waits for saves, and frees the threads."""
        self._latest.close()
        self._best.close()

    def _try_to_read(self, step: int, template: TrainState) -> "_Read | str":
        """Reads one checkpoint, or returns the reason why it cannot be read."""
        try:
            return self._read(step, template)
        except (MemoryError, PermissionError):  # says nothing about the checkpoint
            raise
        except Exception as error:  # whatever the damage makes Orbax or TensorStore raise
            _drop_late_reports()
            return f"{type(error).__name__}: {error}".splitlines()[0][:120]

    def _read(self, step: int, template: TrainState) -> "_Read":
        arguments = ocp.args.Composite(
            state=ocp.args.StandardRestore(_as_dict(jax.device_get(template))), metadata=ocp.args.JsonRestore()
        )
        restored = self._latest.restore(step, args=arguments)
        state = template.replace(**restored["state"])
        if state_sha256(state) != restored["metadata"]["state_sha256"]:
            raise ValueError("its bits are not those that were saved")
        return _Read(state, restored["metadata"]["identity"])

    def _set_aside(self, step: int) -> None:
        target = self.folder / "damaged" / str(step)
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(self.folder / "latest" / str(step), target)
        self._latest.reload()


class Resumed(NamedTuple):
    """Where a run goes on.

    Attributes:
      state: on the devices; None without a checkpoint.
      segments: the environments that it was trained in, as in `identity.py`.
      notes: sentences that the user should read.
    """

    state: TrainState | None
    segments: list[dict[str, Any]]
    notes: list[str]


def resume(experiment: Experiment, checkpoints: Checkpoints, last_step: int) -> Resumed:
    """Reads the state that the run goes on from.

    Args:
      experiment: the run as it is configured now.
      checkpoints: of the run.
      last_step: later checkpoints are left alone.

    Raises:
      UserError: the frames or the split are not those of the checkpoint, or no checkpoint is sound.
    """
    state, identity, notes = checkpoints.restore(experiment.initial_state(), last_step)
    if state is None:
        return Resumed(None, [], [])
    if (identity["data"], identity["split"]) != (experiment.prepared.fingerprint, experiment.split_sha256):
        raise UserError(
            f"{checkpoints.folder}: the frames or their split are not those that the run was trained on; put the data "
            "back, or name a new --workdir"
        )
    return Resumed(experiment.devices.replicate(state), identity["segments"], notes)


def read_state(experiment: Experiment, folder: pathlib.Path, last_step: int) -> TrainState | None:
    """Reads the newest sound state at `last_step` at most, on the host, and changes nothing in the folder.

    Args:
      experiment: the run.
      folder: its `checkpoints/`.
      last_step: later checkpoints are left alone.
    """
    if not (folder / "latest").is_dir():
        return None
    checkpoints = Checkpoints(folder, keep=1, read_only=True)
    try:
        return checkpoints.read_sound(experiment.initial_state(), last_step)
    finally:
        checkpoints.close()


class _Read(NamedTuple):
    state: TrainState
    identity: dict[str, Any]


def _manager(folder: pathlib.Path, keep: int, read_only: bool) -> ocp.CheckpointManager:
    if read_only:
        return ocp.CheckpointManager(folder, options=ocp.CheckpointManagerOptions(read_only=True))
    return ocp.CheckpointManager(
        folder, options=ocp.CheckpointManagerOptions(max_to_keep=keep, cleanup_tmp_directories=True)
    )


def _saved_digest(manager: ocp.CheckpointManager, step: int) -> str | None:
    """Returns the `state_sha256` of a saved checkpoint; None where it cannot be read."""
    try:
        saved = manager.restore(step, args=ocp.args.Composite(metadata=ocp.args.JsonRestore()))
        return saved["metadata"]["state_sha256"]
    except Exception:  # whatever the damage makes Orbax raise: the checkpoint is replaced
        return None


def _as_dict(state: TrainState) -> dict[str, Any]:
    # Orbax stores NumPy scalars as Python numbers; arrays of no dimension keep their type.
    return {name: jax.tree.map(np.asarray, getattr(state, name)) for name in TrainState.__dataclass_fields__}


@functools.cache  # one filter and one hook a process
def _drop_late_reports() -> None:
    """Drops what the other tasks of a failed read report, at any later time: Orbax closed their event loop."""

    def is_news(record: logging.LogRecord) -> bool:
        return "never retrieved" not in record.getMessage()

    def report_others(unraisable: Any) -> None:
        if "Event loop is closed" not in str(unraisable.exc_value):
            report(unraisable)

    report = sys.unraisablehook
    logging.getLogger("asyncio").addFilter(is_news)
    sys.unraisablehook = report_others
