"""What `bench.accelerator` measures, each in a process of its own: `python -m bench.device NAME JSON`.

Every figure is printed as a line of JSON as soon as it is there. Needs JAX, Flax, optax, Orbax and, for its peer,
PyTorch; no TensorFlow.
"""

import dataclasses
import functools
import itertools
import json
import pathlib
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

SEED_OF_THE_STUDY = 0


def main() -> None:
    name, arguments = sys.argv[1], json.loads(sys.argv[2])
    MEASURES[name](**arguments)


def _say(**row: Any) -> None:
    print(json.dumps(row), flush=True)


def describe() -> None:
    """The device and the versions."""
    import jax

    from dogjax import runtime
    from dogjax.train.identity import environment

    runtime.start()
    found = environment("device")
    names = ("backend", "devices", "platform_version", "driver", "packages", "python", "xla_flags", "matmul_precision")
    _say(**{name: found[name] for name in names}, torch=_torch_version(), jax_devices=len(jax.devices()))


def _torch_version() -> str | None:
    try:
        import torch
    except ImportError:
        return None
    return torch.__version__


def run(pack: str, workdir: str, cache: str, steps: int, quick: bool) -> None:
    """Trains the baseline on the packed frames for about `steps` steps, or resumes; says its bits and its time."""
    from dogjax.files import read_json
    from dogjax.train.experiment import build_experiment
    from dogjax.train.loop import train
    from dogjax.train.workdir import Workdir

    started = time.perf_counter()
    material, config = _baseline(pack, cache, quick)
    batches = build_experiment(config, material).pipeline.steps_per_epoch
    config = dataclasses.replace(config, train=dataclasses.replace(config.train, epochs=-(-steps // batches)))
    train(config, Workdir(pathlib.Path(workdir)), material)
    ended = read_json(pathlib.Path(workdir) / "result.json")
    progress = [json.loads(line) for line in (pathlib.Path(workdir) / "progress.jsonl").read_text().splitlines()]
    _say(
        status=ended["status"],
        steps=ended["step"],
        state_sha256=ended["state_sha256"],
        seconds=time.perf_counter() - started,
        frames_per_second=progress[-1]["frames_per_second"],
        **_peak_memory(),
    )


def steps(sizes: list[int], frames: list[int], dtypes: list[str], quick: bool) -> None:
    """Milliseconds of a training step of the post's network: dogjax, plain Flax, and PyTorch in its modes."""
    import jax

    from bench.contenders import dogjax, flax

    contenders: dict[str, Callable[..., Callable[[], float]]] = {"dogjax": dogjax.train_step, "flax": flax.train_step}
    if _torch_version():
        import torch

        from bench.contenders import pytorch

        device = "cuda" if torch.cuda.is_available() else "cpu"
        modes = {"eager": (False, False), "compiled": (True, False), "deterministic": (False, True)}
        for mode, (compiled, deterministic) in modes.items():
            if not (quick and compiled):
                contenders[f"pytorch_{mode}"] = functools.partial(
                    pytorch.train_step, compiled=compiled, device=device, deterministic=deterministic
                )
    for size, count, dtype in itertools.product(sizes, frames, dtypes):
        for name, contender in contenders.items():
            row = {"contender": name, "size": size, "frames": count, "dtype": dtype}
            try:
                lap = contender(size=size, frames=count, dtype=dtype)
                laps = [lap() for _ in range(2 if quick else 7)]
            except Exception as error:  # of a compiler, or of memory: a figure that cannot be had is a result too
                _say(**row, failed=f"{type(error).__name__}: {error}".split("\n")[0][:300])
                continue
            _say(**row, milliseconds=1000 * float(np.median(laps)))
            del lap
            jax.clear_caches()


def batches(pack: str, cache: str, quick: bool) -> None:
    """Milliseconds of a training batch, augmented as the post did and in every way, the device's work included."""
    import jax

    from dogjax.train.experiment import build_experiment

    material, config = _baseline(pack, cache, quick)
    every = dataclasses.replace(config.augment, rotation=30.0, shear=10.0, brightness=(0.5, 1.5), channel_shift=20.0)
    for name, options in {"as the post": config.augment, "in every way": every}.items():
        source = build_experiment(dataclasses.replace(config, augment=options), material).pipeline
        laps = []
        for _ in range(2 if quick else 4):
            started = time.perf_counter()
            jax.block_until_ready([batch["image"] for batch in source.train_batches(0, source.steps_per_epoch)])
            laps.append(time.perf_counter() - started)
        milliseconds = 1000 * float(np.median(laps[1:])) / source.steps_per_epoch  # the first one compiles
        _say(augmented=name, frames=config.train.batch_size, milliseconds=milliseconds)


def study(pack: str, workdir: str, cache: str, runs: int, epochs: int, quick: bool) -> None:
    """Trains runs of `configs/small.py` that differ in their seed alone, side by side and with all their files.

    `epoch_seconds` is the time that the training steps of all runs take in one epoch: the median, without the first
    epoch, which compiles.
    """
    import contextlib

    from dogjax.files import read_json
    from dogjax.interrupt import Interrupt
    from dogjax.train.experiment import build_experiment
    from dogjax.train.loop import Loop
    from dogjax.train.run import open_run
    from dogjax.train.workdir import Workdir

    started = time.perf_counter()
    material, config = _small(pack, cache, quick)
    config = dataclasses.replace(config, train=dataclasses.replace(config.train, epochs=epochs))
    with contextlib.ExitStack() as stack:
        opened = []
        for seed in range(runs):
            seeds = dataclasses.replace(config.seeds, init=seed, split=SEED_OF_THE_STUDY)
            workdir_of_run = Workdir(pathlib.Path(workdir) / f"{seed:03}")
            stack.enter_context(workdir_of_run.locked())
            experiment = build_experiment(dataclasses.replace(config, seeds=seeds), material)
            opened.append(stack.enter_context(open_run(experiment, workdir_of_run)))
            opened[-1].begin()
        Loop(opened, Interrupt(), float("inf"), lambda run: None).complete()
        first = opened[0].workdir.path
        progress = (first / "progress.jsonl").read_text().splitlines()
        frames = opened[0].steps_per_epoch * config.train.batch_size
        laps = [frames / json.loads(line)["frames_per_second"] for line in progress]
    took = {"seconds": time.perf_counter() - started, "epoch_seconds": float(np.median(laps[1:] or laps))}
    digest = read_json(first / "result.json")["state_sha256"]
    _say(runs=runs, epochs=epochs, **took, first_state_sha256=digest, **_peak_memory())


def _baseline(pack: str, cache: str, quick: bool) -> tuple[Any, Any]:
    """The packed frames, and the baseline's configuration for them."""
    from configs import baseline

    return _experiment(_unpacked(pack, quick), baseline.get_config(), cache, quick)


def _small(pack: str, cache: str, quick: bool) -> tuple[Any, Any]:
    """Every second frame at half its size, and the configuration of `configs/small.py` for them."""
    from configs import small

    arrays = _unpacked(pack, quick)
    arrays = {name: each if name == "label_names" else each[::2] for name, each in arrays.items()}
    count, side, *_ = arrays["images"].shape
    quarters = arrays["images"].reshape(count, side // 2, 2, side // 2, 2, 3)
    return _experiment(arrays | {"images": quarters.mean((2, 4)).astype(np.uint8)}, small.get_config(), cache, quick)


def _unpacked(pack: str, quick: bool) -> dict[str, np.ndarray]:
    with np.load(pack) as stored:
        return {name: each[::8] if quick and name != "label_names" else each for name, each in stored.items()}


def _experiment(arrays: dict[str, np.ndarray], values: Any, cache: str, quick: bool) -> tuple[Any, Any]:
    """Material and configuration."""
    from dogjax import config as config_lib
    from dogjax import runtime
    from dogjax.data.arrays import table_of_arrays
    from dogjax.train.experiment import Material

    runtime.start()
    known = {name: arrays[name] for name in ("recording", "background", "time")}
    names = tuple(map(str, arrays["label_names"]))
    material = Material(*table_of_arrays(arrays["images"], arrays["labels"], names, **known))
    values.data.cache_dir = cache
    if quick:
        values.model.widths, values.model.kernels, values.model.dense = (4, 4), (5, 3), (8,)
        values.train.batch_size = 16
    return material, config_lib.from_dict(values.to_dict())


def _peak_memory() -> dict[str, Any]:
    import jax

    statistics = jax.local_devices()[0].memory_stats() or {}
    return {"peak_device_megabytes": statistics["peak_bytes_in_use"] / 2**20} if statistics else {}


MEASURES: dict[str, Callable[..., None]] = {
    "describe": describe,
    "run": run,
    "steps": steps,
    "batches": batches,
    "study": study,
}

if __name__ == "__main__":
    main()
