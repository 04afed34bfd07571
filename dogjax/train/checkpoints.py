"""Checkpoints in Orbax: the latest ones to resume from, the best one apart."""

import logging
import pathlib
import shutil
import sys
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from dogjax.errors import UserError
from dogjax.train.state import TrainState, state_sha256


class Checkpoints:
    """The `checkpoints/` folder of a run: `latest/STEP`, `best/STEP`, and `damaged/STEP`.

    Args:
      folder: the folder.
      keep: how many of the latest to keep.
    """

    def __init__(self, folder: pathlib.Path, keep: int) -> None:
        self.folder = folder.resolve()
        self._latest = _manager(self.folder / "latest", keep)
        self._best = _manager(self.folder / "best", 1)

    def save(self, state: TrainState, digest: str, identity: dict[str, Any], *, best: bool) -> None:
        """Starts saving `state` in the background, as one of the latest and perhaps as the best.

        Args:
          state: on the device or the host.
          digest: its `state_sha256`.
          identity: of the run.
          best: whether it is the best so far.
        """
        # No save overtakes an earlier one: the best checkpoint is whole before a later latest one is.
        self.wait()
        host: TrainState = jax.device_get(state)
        metadata = {"identity": identity, "state_sha256": digest}
        for manager in (self._best, self._latest) if best else (self._latest,):
            # A resumed run comes again to steps that it saved before it was killed: the same bits.
            if int(host.step) not in manager.all_steps():
                arguments = ocp.args.Composite(
                    state=ocp.args.StandardSave(_as_dict(host)), metadata=ocp.args.JsonSave(metadata)
                )
                manager.save(int(host.step), args=arguments, force=True)

    def latest_step(self) -> int | None:
        """The step of the newest checkpoint; waits for saves under way."""
        self.wait()
        return self._latest.latest_step()

    def restore(self, template: TrainState, last_step: int) -> tuple[TrainState | None, dict[str, Any], list[str]]:
        """The newest sound checkpoint, at `last_step` at most.

        Damaged ones after it (unreadable, or not the bits that were saved) are moved to `damaged/`. Where
        none is sound, all stay where they are.

        Returns:
          The state on the host (null where there is no checkpoint), the identity saved with it, and a
          sentence for each damaged checkpoint.

        Raises:
          UserError: there are checkpoints, and none of them is sound.
        """
        damaged: dict[int, str] = {}
        for step in sorted((each for each in self._latest.all_steps() if each <= last_step), reverse=True):
            try:
                state, metadata = self._read(step, template)
            except (MemoryError, PermissionError):  # says nothing about the checkpoint
                raise
            except Exception as error:  # whatever the damage makes Orbax or TensorStore raise
                _hush_failed_read()
                damaged[step] = f"checkpoint {step} is damaged ({_reason(error)})"
                continue
            for each in damaged:
                self._set_aside(each)
            return state, metadata["identity"], [f"{why}: moved to checkpoints/damaged" for why in damaged.values()]
        if damaged:
            first = next(iter(damaged.values()))
            raise UserError(f"{self.folder}: no sound checkpoint is left ({first}); start again in a new workdir")
        return None, {}, []

    def wait(self) -> None:
        """Waits until every save has reached the disk."""
        self._latest.wait_until_finished()
        self._best.wait_until_finished()

    def close(self) -> None:
        """Waits for saves, and frees the threads."""
        self._latest.close()
        self._best.close()

    def _read(self, step: int, template: TrainState) -> tuple[TrainState, dict[str, Any]]:
        arguments = ocp.args.Composite(
            state=ocp.args.StandardRestore(_as_dict(jax.device_get(template))), metadata=ocp.args.JsonRestore()
        )
        restored = self._latest.restore(step, args=arguments)
        state = template.replace(**restored["state"])
        if state_sha256(state) != restored["metadata"]["state_sha256"]:
            raise ValueError("its bits are not those that were saved")
        return state, restored["metadata"]

    def _set_aside(self, step: int) -> None:
        target = self.folder / "damaged" / str(step)
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(self.folder / "latest" / str(step), target)
        self._latest.reload()


def _manager(folder: pathlib.Path, keep: int) -> ocp.CheckpointManager:
    return ocp.CheckpointManager(
        folder, options=ocp.CheckpointManagerOptions(max_to_keep=keep, cleanup_tmp_directories=True)
    )


def _as_dict(state: TrainState) -> dict[str, Any]:
    # Orbax stores NumPy scalars as Python numbers; arrays of no dimension keep their type.
    return {name: jax.tree.map(np.asarray, getattr(state, name)) for name in TrainState.__dataclass_fields__}


def _hush_failed_read() -> None:
    """Drops what the other tasks of a failed read report later: Orbax has closed their event loop."""
    logging.getLogger("asyncio").addFilter(lambda record: "never retrieved" not in record.getMessage())
    report = sys.unraisablehook

    def report_others(unraisable: Any) -> None:
        if "Event loop is closed" not in str(unraisable.exc_value):
            report(unraisable)

    sys.unraisablehook = report_others


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:120]
