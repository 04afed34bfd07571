"""A run's folder: who may write in it, and the files that a run adds to epoch by epoch."""

import contextlib
import fcntl
import json
import pathlib
from collections.abc import Iterator
from typing import Any

from dogjax.config import OPERATIONAL_FIELDS, Config, flatten, from_dict, to_dict
from dogjax.errors import UserError
from dogjax.files import expand_path, read_json, read_json_lines, write_json, write_text

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

    @contextlib.contextmanager
    def _lock(self, kind: int) -> Iterator[None]:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            names = {each.name for each in self.path.iterdir()}
            if names and not names & {LOCK, "config.json"}:
                raise UserError(f"--workdir={self.path}: holds files that are no run's; name a new or empty folder")
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
            if kind == fcntl.LOCK_EX:
                self._remove_half_written()
            yield

    def _remove_half_written(self) -> None:
        """Files of a process that was killed."""
        for folder in (self.path, self.path / "predictions", self.path / "weights"):
            for half_written in folder.glob(".*.tmp"):
                half_written.unlink()

    def write(self, name: str, value: Any) -> None:
        """Writes a JSON file, whole or not at all."""
        write_json(self.path / name, value)

    def saved_config(self) -> Config:
        """The configuration of the run.

        Raises:
          UserError: the folder holds no run.
        """
        path = self.path / "config.json"
        if not path.exists():
            raise UserError(f"--workdir={self.path}: holds no run; train one there, or name another folder")
        try:
            return from_dict(read_json(path))
        except (ValueError, AttributeError, UserError) as error:
            raise UserError(f"{path}: is not the configuration of a run ({error}); name another --workdir") from error

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
        """The objects in `metrics.jsonl`, one an epoch."""
        return read_json_lines(self.path / "metrics.jsonl")

    def read_evaluation(self) -> dict[str, Any] | None:
        """The object in `evaluation.json`; null where there is none of the last epoch."""
        path = self.path / "evaluation.json"
        evaluation = read_json(path) if path.exists() else None
        return evaluation if evaluation and evaluation["epoch"] == len(self.read_metrics()) else None

    def write_metrics(self, lines: list[dict[str, Any]]) -> None:
        """Writes `metrics.jsonl` anew: a kill leaves the old one or the new one."""
        text = "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines)
        write_text(self.path / "metrics.jsonl", text)

    def append_progress(self, line: dict[str, Any]) -> None:
        """Adds to `progress.jsonl`, where clocks and speeds go."""
        with (self.path / "progress.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
