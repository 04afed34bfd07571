"""Trains and diagnoses the runs of a plan, some at once, each in a process with a core of its own.

Every run has a folder with a `row.json`, so the same command goes on where it was stopped. A run is trained again only
where its recipe or the code that trains it has changed, and diagnosed again where any code has.
"""

import contextlib
import dataclasses
import functools
import io
import multiprocessing
import os
import pathlib
import shutil
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from typing import Any

from tqdm import tqdm

from bench.faults import cases, together
from bench.faults.fault import Fault, Situation, faulty_config, sound_config
from bench.faults.measure import measures, said
from bench.faults.operators import FAULTS
from bench.faults.plan import BASE, CASE, SOUND, TOGETHER, Planned, control_of
from bench.faults.sound import base, variation
from bench.faults.worlds import WORLDS, sampled_videos
from dogjax.config import OPERATIONAL_FIELDS, Config, DataConfig, flatten, replace_fields, to_dict
from dogjax.diagnose.diagnose import diagnose_workdir
from dogjax.diagnose.thresholds import thresholds_sha256
from dogjax.errors import Diverged, UserError
from dogjax.files import read_json, replacing_folder, sha256_of_file, sha256_of_json, write_json
from dogjax.interrupt import Interrupt, end_with_parent
from dogjax.train.experiment import Material, load_material
from dogjax.train.identity import AFTER_DIAGNOSIS, code_sha256
from dogjax.train.loop import train
from dogjax.train.workdir import Workdir
from dogjax.workers import SECONDS_BETWEEN_CHECKS

# Fills a folder with videos: a function of `edits` and its situation.
Edit = functools.partial[None]

ROW = "row.json"
CACHE = "cache"
# What a run leaves that neither a diagnosis nor a score reads; a diagnosis trains on from checkpoints.
LEFT_OVER = ("tensorboard", "gallery")


def execute(runs: Sequence[Planned], root: pathlib.Path, lanes: int) -> None:
    """Makes the rows of all runs.

    Args:
      runs: of a plan.
      root: where their folders are.
      lanes: how many at once.

    Raises:
      Stopped: a signal came.
    """
    for name in sorted({run.world for run in runs}):
        sampled_videos(WORLDS[name], root / CACHE)  # once, before the lanes ask for them
    context = multiprocessing.get_context("spawn")
    cores = context.Queue()
    for _, core in zip(range(lanes), sorted(os.sched_getaffinity(0)) * lanes):
        cores.put(core)
    pool = ProcessPoolExecutor(lanes, context, initializer=_begin_lane, initargs=(cores,))
    try:
        with Interrupt() as interrupt, tqdm(total=len(runs), desc="runs", unit=" runs", disable=None) as bar:
            waiting = {pool.submit(_make_rows, alike, root): alike for alike in alike_runs(runs)}
            while waiting:
                for future in wait(waiting, SECONDS_BETWEEN_CHECKS, FIRST_COMPLETED).done:
                    future.result()
                    bar.update(len(waiting.pop(future)))
                interrupt.check()
    except BaseException:
        for lane in multiprocessing.active_children():
            lane.kill()  # its run goes on from its last checkpoint, or begins again
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def alike_runs(runs: Sequence[Planned]) -> list[list[Planned]]:
    """Groups runs that share compiled programs: those of one fault, of one sound run, or of one row of the design.

    One lane takes a group, so that no two lanes compile the same program.
    """
    alike: dict[tuple, list[Planned]] = {}
    for run in runs:
        which = run.key or (run.strength if run.kind in (SOUND, TOGETHER, CASE) else "")
        alike.setdefault((run.world, run.kind, which), []).append(run)
    return list(alike.values())


def _make_rows(runs: Sequence[Planned], root: pathlib.Path) -> None:
    for run in runs:
        try:
            make_row(run, root)
        except Exception as error:
            error.add_note(f"in the run {run.name}")
            raise


def read_rows(runs: Sequence[Planned], root: pathlib.Path) -> list[dict[str, Any]]:
    """Reads the rows of those runs that are done, in order."""
    rows = ((run, _read_row(root / run.name)) for run in runs)
    return [row for run, row in rows if "named" in row or ("measures" in row and not run.diagnosed)]


def make_row(run: Planned, root: pathlib.Path) -> None:
    """Trains a run, diagnoses it if the plan says so, and writes its row. What is there already is not done again."""
    folder = root / run.name
    config, edit = configure(run, root)
    recipe = _recipe(run, config, edit)
    row = _read_row(folder)
    if row.get("recipe") != recipe:
        shutil.rmtree(folder, ignore_errors=True)
        row = {"recipe": recipe}
        folder.mkdir(parents=True)
        # A run that is cut off after this goes on, and one of another recipe is never taken for it.
        write_json(folder / ROW, row)
    if edit is not None:
        config = replace_fields(config, {"data.path": str(_edited(edit, folder / "videos"))})
    workdir = Workdir(folder / "run")
    row |= dataclasses.asdict(run)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        if "measures" not in row:
            started = time.monotonic()
            row |= _train(config, workdir)
            write_json(folder / ROW, row | {"train_seconds": time.monotonic() - started})
            row = _read_row(folder)
        if run.diagnosed and row.get("diagnosis_code") != code_sha256(without=AFTER_DIAGNOSIS):
            started = time.monotonic()
            row |= _diagnose(config, workdir) | {"diagnosis_code": code_sha256(without=AFTER_DIAGNOSIS)}
            write_json(folder / ROW, row | {"diagnose_seconds": time.monotonic() - started})
    for name in LEFT_OVER if run.diagnosed else (*LEFT_OVER, "checkpoints"):
        shutil.rmtree(workdir.path / name, ignore_errors=True)


def _recipe(run: Planned, config: Config, edit: Edit | None) -> str:
    """Hashes all that the trained run depends on: its configuration, its videos, and the code that trains it."""
    fields = {name: value for name, value in flatten(to_dict(config)) if name not in OPERATIONAL_FIELDS}
    edited = edit and [edit.func.__name__, repr(edit.args[0].strength), _code_of_edits()]
    return sha256_of_json([fields, WORLDS[run.world].version, edited, code_sha256()])


@functools.cache
def _code_of_edits() -> list[str]:
    return [sha256_of_file(pathlib.Path(__file__).parent / name) for name in ("edits.py", "refilm.py")]


def configure(run: Planned, root: pathlib.Path) -> tuple[Config, Edit | None]:
    """Returns the configuration of a run on its world's videos, and what edits them where a fault does."""
    cache = root / CACHE
    if run.kind == CASE:
        return cases.configure(cases.CASES[run.strength], cache), None
    config = base(WORLDS[run.world], cache, run.seed)
    if run.kind == TOGETHER:
        return together.configure(config, run.strength), together.edit(config, run.strength)
    if run.kind == SOUND and not run.key:
        return replace_fields(config, variation(run.world, run.strength, cache)), None
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


def _edited(edit: Edit, videos: pathlib.Path) -> pathlib.Path:
    """Returns the folder of the videos that `edit` makes, made if they are not there."""
    if not videos.exists():
        with replacing_folder(videos) as temporary:
            edit(temporary)
    return videos


def _train(config: Config, workdir: Workdir) -> dict[str, Any]:
    status = "finished"
    try:
        train(config, workdir, _material(config.data))
    except Diverged:
        status = "diverged"
    return {"status": status, "measures": measures(workdir), "config": dict(flatten(to_dict(config)))}


def _diagnose(config: Config, workdir: Workdir) -> dict[str, Any]:
    try:
        diagnose_workdir(workdir, config, _material(config.data))
    except UserError as error:
        return {"named": [], "shares": {}, "thresholds": thresholds_sha256(), "not_diagnosed": str(error)}
    return said(workdir)


@functools.lru_cache(maxsize=2)  # most runs of a world take its frames as they are
def _material(data: DataConfig) -> Material:
    return load_material(data)


def _read_row(folder: pathlib.Path) -> dict[str, Any]:
    return read_json(folder / ROW) if (folder / ROW).exists() else {}


def _begin_lane(cores: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one decides
    end_with_parent()
    tqdm.set_lock(threading.RLock())  # its own is a semaphore between processes, which a killed lane would leave
    os.sched_setaffinity(0, {cores.get()})
