"""Runs of a study share their frames, and no longer than a run needs them."""

import gc
import types
import weakref

import pytest

from dogjax.config import Config, replace_fields
from dogjax.errors import UserError
from dogjax.interrupt import Interrupt
from dogjax.study import execute
from dogjax.study.plan import plan_runs
from tests.train.runs import run_command


class Material:
    """Stands for loaded frames, which take up to 256 MiB."""


def test_frames_are_released_when_the_runs_that_use_them_are_done(tmp_path, monkeypatch):
    loaded: dict[int, weakref.ref] = {}
    alive = []

    def load(data):
        assert data.image_size not in loaded  # once
        material = Material()
        loaded[data.image_size] = weakref.ref(material)
        return material

    def build(config, material):
        return types.SimpleNamespace(material=material, pipeline=types.SimpleNamespace(steps_per_epoch=22))

    def train(runs, *_):
        gc.collect()
        alive.append((len(runs), [size for size, material in loaded.items() if material()]))

    monkeypatch.setattr(execute, "load_material", load)
    monkeypatch.setattr(execute, "build_experiment", build)
    monkeypatch.setattr(execute, "_train", train)
    arms = (("small", (("data.image_size", 32),)), ("tiny", (("data.image_size", 16),)))
    fields = {"study.kind": "arms", "study.replicates": 2, "study.arms": arms, "data.image_size": 64}
    execute.execute(
        plan_runs(replace_fields(Config(), fields)), tmp_path, 2, Interrupt(), float("inf"), lambda run: None
    )
    assert alive == [(2, [64, 32, 16]), (2, [32, 16]), (2, [16])]


def test_runs_that_differ_in_seeds_and_a_step_s_numbers_train_side_by_side():
    def planned(name, steps=22, **fields):
        values = {"seed": steps, **{f"optim.{field}": value for field, value in fields.items()}}
        return types.SimpleNamespace(name=name, config=replace_fields(Config(), values))

    runs = [
        planned("a"),
        planned("momentum", momentum=0.9),
        planned("rate", learning_rate=0.1),
        planned("other_steps", steps=21),
        planned("schedule", schedule="cosine"),
    ]

    class Builder:
        def experiment(self, config):
            return types.SimpleNamespace(pipeline=types.SimpleNamespace(steps_per_epoch=config.seed))

    batch = execute._next_batch(runs, 4, Builder())
    assert [run.name for run, _ in batch] == ["a", "rate", "schedule"]


def test_the_run_that_is_killed_comes_before_this_process_takes_the_device(setup, tmp_path):
    program = """
import runpy
import sys
import jax
from dogjax.study import execute

def look(run, *_):
    print(run.name, jax._src.xla_bridge.backends_are_initialized(), flush=True)
    sys.exit()

execute._kill_once = look
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
    python, *command = setup.command(tmp_path / "study", "--mode=study")
    ended = run_command([python, "-c", program, *command])
    assert ended.stdout.splitlines()[-1] == "control-0-002 False", ended.stderr


def test_a_mistake_that_only_the_killed_run_s_process_sees_is_one_sentence(setup, tmp_path):
    control = plan_runs(setup.config(data__path=str(tmp_path / "none")))[2]
    with pytest.raises(UserError, match=r"data.path=.*: no such folder"):
        execute._kill_once(control, tmp_path, Interrupt())
