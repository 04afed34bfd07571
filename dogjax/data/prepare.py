"""Prepares a dataset: a source's frames are decoded once and kept on the disk under a fingerprint.

The fingerprint covers the content (bytes, labels, groups), and the settings and decoder versions that change a pixel:
a cached dataset is never stale. A dataset appears by one rename when it is complete; two processes that want the same
one wait for each other.
"""

import importlib
import pathlib
import shutil

import numpy as np
from tqdm import tqdm

from dogjax.checks import SOURCES
from dogjax.config import DataConfig
from dogjax.data.builder import dataset_folder
from dogjax.data.cache import cache_folder, is_whole, locked, write_manifest
from dogjax.data.host import prepare_host
from dogjax.data.sources.source import FORMATS, Source
from dogjax.data.table import GROUP, Prepared, read_index
from dogjax.errors import UserError
from dogjax.files import read_json, replacing_folder, sha256_of_json, write_json

FORMAT = 2
PROBLEMS = "problems.json"


def prepare(config: DataConfig) -> Prepared:
    """Returns the dataset that `config` names; makes it if it is not in the cache.

    Raises:
      UserError: the source cannot be read; with `on_bad_video=skip` a bad file is left out instead,
        and named in `problems`.
    """
    prepare_host()
    cache = cache_folder(config)
    source: Source = importlib.import_module(SOURCES[config.source].module).open_source(config, cache)
    content = {"format": FORMAT, "image_size": config.image_size, **source.content}
    fingerprint = sha256_of_json(content)
    folder = cache / "frames" / fingerprint
    with locked(folder):
        if folder.exists() and not is_whole(folder):
            tqdm.write(f"{folder}: is damaged: prepared again")
            shutil.rmtree(folder)
        if not folder.exists():
            with replacing_folder(folder) as temporary:
                write_json(temporary / PROBLEMS, source.write(temporary))
                write_manifest(temporary)
    problems = source.problems + read_json(folder / PROBLEMS)
    if problems and config.on_bad_video == "fail":
        raise UserError(problems[0])
    description = _describe(folder, fingerprint, problems, source.notes)
    for problem in problems:
        tqdm.write(f"left out: {problem}")
    for note in description["notes"]:
        tqdm.write(f"note: {note}")
    return Prepared(folder, fingerprint, description)


def _describe(folder: pathlib.Path, fingerprint: str, problems: list[str], notes: list[str]) -> dict:
    """Makes the content of `dataset.json`."""
    index = read_index(folder)
    names = [str(name) for name in index["label_names"]]
    counts = np.bincount(index["label"], minlength=len(names))
    unused = [name for name, count in zip(names, counts) if not count]
    left_out = [f"no frame shows {', '.join(unused)}: left out of the classes"] if unused else []
    return {
        "fingerprint": fingerprint,
        "tfds_folder": str(dataset_folder(folder)),
        "frames": len(index["frame_id"]),
        "labels": {name: int(count) for name, count in zip(names, counts)},
        "recordings": _distinct(index["recording"]),
        "backgrounds": _distinct(index["background"]),
        "groups": {name.removeprefix(GROUP): _distinct(index[name]) for name in index if name.startswith(GROUP)},
        "formats": read_json(folder / FORMATS) if (folder / FORMATS).exists() else {},
        "problems": problems,
        "notes": notes + left_out,
    }


def _distinct(names: np.ndarray) -> list[str]:
    return sorted({str(name) for name in names} - {""})
