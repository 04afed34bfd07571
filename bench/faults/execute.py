"""Trains and diagnoses the runs of a plan, some at once, each in a process with a core of its own.

Every run has a folder with a `row.json`, so the same command goes on where it was stopped, and a run whose training
code has not changed is not trained again when only the diagnosis has.
"""

import contextlib
import dataclasses
import functools
import io
import multiprocessing
import os
import pathlib
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

from tqdm import tqdm

import dogjax
from bench.faults import cases, together
from bench.faults.fault import Fault, Situation, faulty_config, sound_config
from bench.faults.measure import measures, said
from bench.faults.operators import FAULTS
from bench.faults.plan import BASE, CASE, SOUND, TOGETHER, Planned, control_of, folder_of
from bench.faults.sound import base, variation
from bench.faults.worlds import WORLDS, sampled_videos
from dogjax.config import Config, DataConfig, flatten, replace_fields, to_dict
from dogjax.diagnose.diagnose import diagnose_workdir
from dogjax.diagnose.thresholds import thresholds_sha256
from dogjax.errors import Diverged, UserError
from dogjax.files import read_json, replacing_folder, sha256_of_file, sha256_of_json, write_json
from dogjax.train.experiment import Material, load_material
from dogjax.train.identity import code_sha256
from dogjax.train.loop import train
from dogjax.train.workdir import Workdir

# Fills a folder with videos.
Edit = Callable[[pathlib.Path], None]

ROW = "row.json"
CACHE = "cache"
# What a run leaves that neither a diagnosis nor a score reads.
LEFT_OVER = ("checkpoints", "tensorboard", "gallery")
# Floors of dogjax that no training step depends on.
AFTER_TRAINING = ("diagnose", "study", "report")


def execute(runs: Sequence[Planned], root: pathlib.Path, lanes: int) -> None:
    """Makes the rows of all runs.

    Args:
      runs: of a plan.
      root: where their folders are.
      lanes: how many at once.
    """
    for name in sorted({run.world for run in runs}):
        sampled_videos(WORLDS[name], root / CACHE)  # once, before the lanes ask for them
    stamps = {"training": training_code(), "diagnosis": code_sha256()}
    left = [run for run in runs if not _is_done(run, root, stamps)]
    context = multiprocessing.get_context("spawn")
    cores = context.Queue()
    for _, core in zip(range(lanes), sorted(os.sched_getaffinity(0)) * lanes):
        cores.put(core)
    pool = ProcessPoolExecutor(lanes, context, initializer=_take_core, initargs=(cores,))
    try:
        with tqdm(total=len(runs), initial=len(runs) - len(left), desc="runs", unit=" runs", disable=None) as bar:
            for future in as_completed([pool.submit(make_row, run, root, stamps) for run in left]):
                future.result()
                bar.update()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def read_rows(runs: Sequence[Planned], root: pathlib.Path) -> list[dict[str, Any]]:
    """Reads the rows of those runs that have one, in order."""
    return [row for run in runs if (row := _read_row(folder_of(run, root)))]


def training_code() -> str:
    """Hashes the code that a trained run depends on."""
    package = pathlib.Path(dogjax.__file__).parent
    files = sorted(path for path in package.rglob("*.py") if path.relative_to(package).parts[0] not in AFTER_TRAINING)
    return sha256_of_json([[path.relative_to(package).as_posix(), sha256_of_file(path)] for path in files])


def make_row(run: Planned, root: pathlib.Path, stamps: dict[str, str]) -> None:
    """Trains a run, diagnoses it where the plan says so, and writes its row."""
    folder = folder_of(run, root)
    row = _read_row(folder)
    if row.get("training_code") != stamps["training"]:
        shutil.rmtree(folder, ignore_errors=True)
        row = {}
    workdir = Workdir(folder / "run")
    row = {**dataclasses.asdict(run), **row, "diagnosed": run.diagnosed}
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        started = time.monotonic()
        if "measures" not in row:
            row |= _train(run, root, workdir)
            row |= {"training_code": stamps["training"], "train_seconds": time.monotonic() - started}
            write_json(folder / ROW, row)
        started = time.monotonic()
        if run.diagnosed and row.get("diagnosis_code") != stamps["diagnosis"]:
            row |= _diagnose(workdir)
            row |= {"diagnosis_code": stamps["diagnosis"], "diagnose_seconds": time.monotonic() - started}
            write_json(folder / ROW, row)
    for name in LEFT_OVER:
        shutil.rmtree(workdir.path / name, ignore_errors=True)


def configure(run: Planned, root: pathlib.Path) -> tuple[Config, Edit | None]:
    """Returns the configuration of a run on its world's videos, and what edits them where a fault does."""
    cache = root / CACHE
    if run.kind == CASE:
        return cases.configure(cases.CASES[run.strength], cache), None
    config = base(WORLDS[run.world], cache, run.seed)
    if run.kind == TOGETHER:
        return together.configure(config, run.strength), together.edit(config, run.strength)
    if run.kind == SOUND and not run.key:
        return replace_fields(config, variation(run.world, run.strength)), None
    found = _held_against(run.key) if run.kind == SOUND else (FAULTS[run.kind], run.strength)
    if found is None:
        return config, None
    fault, strength = found[0], found[0].strengths[found[1] - 1]
    sound = sound_config(fault, config, strength)
    if run.kind == SOUND:
        return sound, fault.control_edit and functools.partial(fault.control_edit, Situation(sound, strength))
    return (
        faulty_config(fault, config, strength),
        fault.edit and functools.partial(fault.edit, Situation(sound, strength)),
    )


def _held_against(key: str) -> tuple[Fault, int] | None:
    """Returns a fault whose sound run has the key, and the number of its strength; None for the base."""
    every = ((fault, number) for fault in FAULTS.values() for number in range(1, len(fault.strengths) + 1))
    return next((found for found in every if control_of(*found) == key), None) if key != BASE else None


def _train(run: Planned, root: pathlib.Path, workdir: Workdir) -> dict[str, Any]:
    config, edit = configure(run, root)
    if edit is not None:
        edited = folder_of(run, root) / "videos"
        if not edited.exists():
            with replacing_folder(edited) as temporary:
                edit(temporary)
        config = replace_fields(config, {"data.path": str(edited)})
    status = "finished"
    try:
        train(config, workdir, _material(config.data))
    except Diverged:
        status = "diverged"
    return {"status": status, "measures": measures(workdir), "config": dict(flatten(to_dict(config)))}


def _diagnose(workdir: Workdir) -> dict[str, Any]:
    try:
        diagnose_workdir(workdir, None, _material(workdir.saved_config().data))
    except UserError as error:
        return {"named": [], "shares": {}, "thresholds": thresholds_sha256(), "not_diagnosed": str(error)}
    return said(workdir)


@functools.lru_cache(maxsize=2)  # most runs of a world take its frames as they are
def _material(data: DataConfig) -> Material:
    return load_material(data)


def _is_done(run: Planned, root: pathlib.Path, stamps: dict[str, str]) -> bool:
    row = _read_row(folder_of(run, root))
    if row.get("training_code") != stamps["training"]:
        return False
    return not run.diagnosed or row.get("diagnosis_code") == stamps["diagnosis"]


def _read_row(folder: pathlib.Path) -> dict[str, Any]:
    return read_json(folder / ROW) if (folder / ROW).exists() else {}


def _take_core(cores: Any) -> None:
    os.sched_setaffinity(0, {cores.get()})
