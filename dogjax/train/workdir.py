"""A run's folder: who may write in it, and the files to which a run adds epoch by epoch."""

import contextlib
import fcntl
import json
import pathlib
import shutil
import time
from collections.abc import Iterator
from typing import Any

from dogjax.config import OPERATIONAL_FIELDS, Config, flatten, from_dict, to_dict
from dogjax.errors import UserError
from dogjax.files import HALF_WRITTEN, expand_path, read_json, read_json_lines, write_json, write_text

# Written before anything else, so that a run killed at any moment finds its folder again.
LOCK = ".dogjax.lock"


class Workdir:
    """The folder `--workdir`."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = expand_path("--workdir", str(path)).resolve()

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Makes the folder, and keeps every other process from writing in it.

        Raises:
          UserError: it cannot be made, holds somebody else's files, or another process is at work in it.
        """
        return self._lock(fcntl.LOCK_EX)

    def shared(self) -> contextlib.AbstractContextManager[None]:
        """Like `locked`, for processes that share the folder and keep out of each other's way in it."""
        return self._lock(fcntl.LOCK_SH)

    def is_in_use(self) -> bool:
        """Whether another process is at work in the folder."""
        if not (self.path / LOCK).exists():
            return False
        with (self.path / LOCK).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            except OSError:  # a file system without locks
                return False
        return False

    @contextlib.contextmanager
    def _lock(self, kind: int) -> Iterator[None]:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not self._is_ours():
                raise UserError(f"--workdir={self.path}: holds files of another program; name a new or empty folder")
            file = (self.path / LOCK).open("w")
        except OSError as error:
            raise UserError(f"--workdir={self.path}: cannot be written to ({error.strerror})") from error
        with file:
            try:
                fcntl.flock(file, kind | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UserError(
                    f"--workdir={self.path}: another process is at work in it; wait for it, or name another folder"
                ) from error
            except OSError as error:
                raise UserError(
                    f"--workdir={self.path}: its file system has no locks ({error.strerror}), so two processes could "
                    "write in it at once; name a folder on another one, or mount it with locks (Lustre: -o flock)"
                ) from error
            if kind == fcntl.LOCK_EX:
                self._remove_half_written()
            yield

    def _remove_half_written(self) -> None:
        """Removes the files of a process that was killed while it wrote them."""
        for folder in (self.path, self.path / "predictions", self.path / "weights"):
            for path in folder.glob(".*.tmp"):
                if path.is_file() and HALF_WRITTEN.fullmatch(path.name):
                    path.unlink()

    def _is_ours(self) -> bool:
        """Whether the folder is empty, or one that dogjax made: it holds the lock, or dogjax's configuration."""
        names = {path.name for path in self.path.iterdir()}
        if not names or LOCK in names:
            return True
        try:
            return {"seeds", "data", "split", "train"} <= set(read_json(self.path / "config.json"))
        except (OSError, ValueError, TypeError):
            return False

    def write(self, name: str, value: Any) -> None:
        """Writes a JSON file, whole or not at all."""
        write_json(self.path / name, value)

    def saved_config(self) -> Config:
        """Reads the configuration of the run.

        Raises:
          UserError: the folder holds no run.
        """
        path = self.path / "config.json"
        if not path.exists():
            raise UserError(f"--workdir={self.path}: holds no run; train one there, or name another folder")
        try:
            return from_dict(read_json(path))
        except (ValueError, AttributeError, UserError) as error:
            raise UserError(
                f"{path}: cannot be read as the configuration of a run ({error}); name another --workdir"
            ) from error

    def check_config(self, config: Config) -> None:
        """Checks that `config` continues the run in the folder, if there is one.

        `train.epochs` may grow, unless the learning-rate schedule depends on it: then the longer run
        would not be the one that a fresh start gives.

        Raises:
          UserError: lists the fields that differ.
        """
        if not (self.path / "config.json").exists():
            return
        old, new = dict(flatten(to_dict(self.saved_config()))), dict(flatten(to_dict(config)))
        grows = config.optim.schedule == "constant" and new["train.epochs"] >= old["train.epochs"]
        free = (*OPERATIONAL_FIELDS, "train.epochs") if grows else OPERATIONAL_FIELDS
        differing = [name for name in new if new[name] != old[name] and name not in free]
        if differing:
            listed = ", ".join(f"{name} (was {old[name]!r}, now {new[name]!r})" for name in differing)
            why = ""
            if "train.epochs" in differing:
                constant = config.optim.schedule == "constant"
                end = "epochs can only grow" if constant else f"optim.schedule={config.optim.schedule} ends at them"
                why = f" ({end})"
            raise UserError(
                f"--workdir={self.path}: holds a run of another configuration: {listed}{why}; set it back, or name a "
                "new folder"
            )

    def read_metrics(self) -> list[dict[str, Any]]:
        """Reads the objects in `metrics.jsonl`, one an epoch."""
        return read_json_lines(self.path / "metrics.jsonl")

    def read_evaluation(self) -> dict[str, Any] | None:
        """Reads `evaluation.json`; None unless it is of the end of the last epoch."""
        path, metrics = self.path / "evaluation.json", self.read_metrics()
        evaluation = read_json(path) if path.exists() else None
        return evaluation if evaluation and metrics and evaluation["step"] == metrics[-1]["step"] else None

    def has_finished(self, step: int) -> bool:
        """Whether the folder holds the result and the evaluation of a run that finished at `step`."""
        paths = self.path / "result.json", self.path / "evaluation.json"
        if not all(path.exists() for path in paths):
            return False
        result, evaluation = map(read_json, paths)
        return result["status"] == "finished" and result["step"] == evaluation["step"] == step

    def write_metrics(self, lines: list[dict[str, Any]]) -> None:
        """Writes `metrics.jsonl` anew: a kill leaves the old one or the new one."""
        text = "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines)
        write_text(self.path / "metrics.jsonl", text)

    def append_progress(self, line: dict[str, Any]) -> None:
        """Adds a line to `progress.jsonl`, which holds clocks and speeds."""
        with (self.path / "progress.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


class TensorBoard:
    """The curves of `metrics.jsonl` as an event file that holds each epoch once, also after a resume.

    Args:
      folder: the event file's folder; written anew.
      metrics: the epochs so far.
    """

    def __init__(self, folder: pathlib.Path, metrics: list[dict[str, Any]]) -> None:
        # Imported late: a mistake in the configuration is refused before half a second of loading.
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        shutil.rmtree(folder, ignore_errors=True)
        self._writer = EventFileWriter(str(folder))
        for line in metrics:
            self.write(line)

    def write(self, line: dict[str, Any]) -> None:
        """Writes every number of one epoch, named `validation/loss` and so on."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        left_out = ("epoch", "step")
        numbers = [(name, value) for name, value in flatten(line) if name not in left_out and value is not None]
        values = [Summary.Value(tag=name.replace(".", "/"), simple_value=value) for name, value in numbers]
        event = Event(wall_time=time.time(), step=line["epoch"], summary=Summary(value=values))
        self._writer.add_event(event)
        self._writer.flush()

    def close(self) -> None:
        """Closes the event file."""
        self._writer.close()
