"""The cache of prepared data: where it is, who may write an entry, and whether an entry is whole."""

import contextlib
import fcntl
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

from tqdm import tqdm

from dogjax.config import DataConfig
from dogjax.errors import UserError
from dogjax.files import expand_path, read_json, sha256_of_file, write_json

MANIFEST = "manifest.json"
# Files up to this many bytes are hashed each time that an entry is opened; of larger ones only the size is compared.
HASHED_BYTES = 16 * 2**20


def cache_folder(config: DataConfig) -> pathlib.Path:
    """Returns the folder where prepared datasets are kept."""
    if config.cache_dir:
        return expand_path("data.cache_dir", config.cache_dir).resolve()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return pathlib.Path(base).expanduser().resolve() / "dogjax"


@contextlib.contextmanager
def locked(entry: pathlib.Path) -> Iterator[None]:
    """Holds the lock of a cache entry, and removes what a killed process left half-made.

    On a file system without locks two processes may make the same entry twice; the first one to finish is kept.

    Raises:
      UserError: the cache cannot be written to.
    """
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        file = (entry.parent / f"{entry.name}.lock").open("w")
    except OSError as error:
        raise UserError(
            f"data.cache_dir: cannot write to {entry.parent} ({error.strerror}); set --config.data.cache_dir"
        ) from error
    with file:
        if _take_lock(file, entry):
            for stale in entry.parent.glob(f".{entry.name}.*.tmp"):
                shutil.rmtree(stale, ignore_errors=True)
        yield


def _take_lock(file: Any, entry: pathlib.Path) -> bool:
    """Takes the lock, and says so where that means waiting; False where the file system has no locks."""
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tqdm.write(f"waiting for another process that prepares {entry.name[:12]} in {entry.parent}")
            fcntl.flock(file, fcntl.LOCK_EX)
    except OSError:
        return False
    return True


def write_manifest(folder: pathlib.Path) -> None:
    """Notes the size of every file in `folder`, and the hash of the small ones."""
    write_json(folder / MANIFEST, _contents(folder))


def is_whole(folder: pathlib.Path) -> bool:
    """Whether a folder holds what its manifest notes. A power cut can leave files empty that were never flushed."""
    try:
        return read_json(folder / MANIFEST) == _contents(folder)
    except (OSError, ValueError):
        return False


def _contents(folder: pathlib.Path) -> dict[str, Any]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {path.relative_to(folder).as_posix(): _signature(path) for path in files}


def _signature(path: pathlib.Path) -> list[Any]:
    size = path.stat().st_size
    return [size, sha256_of_file(path) if size <= HASHED_BYTES else None]
