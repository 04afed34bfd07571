"""Runs of a study share their frames, and no longer than a run needs them."""

import gc
import types
import weakref

from dogjax.config import Config, replace_fields
from dogjax.interrupt import Interrupt
from dogjax.study import execute
from dogjax.study.plan import plan_runs


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
        return types.SimpleNamespace(material=material, program=config.data.image_size)

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
