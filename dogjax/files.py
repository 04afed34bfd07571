"""Writes files atomically: a file is there whole or not at all, whenever the process or the machine dies."""

import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

from dogjax.errors import UserError

# The names that `replacing` and `replacing_folder` give while they write.
HALF_WRITTEN = re.compile(r"\..+\.[a-z0-9_]{8}\.tmp")


def expand_path(name: str, text: str) -> pathlib.Path:
    """Expands `~` in the path that a user wrote for `name`.

    Raises:
      UserError: it names the home of an unknown user.
    """
    try:
        return pathlib.Path(text).expanduser()
    except RuntimeError as error:
        raise UserError(f"{name}={text}: no such user; write the whole path") from error


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a temporary name beside `path`, and renames it to `path` if the block succeeds.

    The temporary file is flushed to the disk before the rename and the folder after it, so that a power cut leaves
    either the old file or the new one. The user's umask decides who may read it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = pathlib.Path(name)
    try:
        yield temporary
        _flush(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        _flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_folder(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Like `replacing`, for a folder. If another process put `path` there first, theirs is kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = pathlib.Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    try:
        yield temporary
        for folder, _, names in os.walk(temporary):
            for name in names:
                _flush(pathlib.Path(folder, name))
            _flush(pathlib.Path(folder))
        temporary.chmod(0o777 & ~_umask())
        try:
            temporary.replace(path)
            _flush(path.parent)
        except OSError:
            if not path.is_dir():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _flush(path: pathlib.Path) -> None:
    """Waits until a file's content, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    """Returns the process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes `text` as UTF-8."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: pathlib.Path, value: Any) -> None:
    """Writes `value` as indented JSON; raises ValueError for NaN and infinity, which JSON cannot write."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: pathlib.Path) -> Any:
    """Reads the value in a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def read_json_lines(path: pathlib.Path) -> list[Any]:
    """Reads the value in each line of a file; an empty list without a file."""
    # Not splitlines(): JSON may hold other line separators, such as U+2028.
    lines = path.read_text(encoding="utf-8").split("\n") if path.exists() else []
    return [json.loads(line) for line in lines if line]


def sha256_of_json(value: Any) -> str:
    """Hashes the canonical JSON (sorted keys, no spaces) of `value`: SHA-256 in hexadecimal."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_of_file(path: pathlib.Path) -> str:
    """Hashes a file's bytes: SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
