"""The identity of a run tells apart what its bits depend on."""

import contextlib

import jax
import pytest
import tensorflow as tf

from dogjax import runtime
from dogjax.config import replace_fields
from dogjax.files import read_json
from dogjax.interrupt import Interrupt
from dogjax.prng import SPLIT_DRAWS
from dogjax.train.experiment import build_experiment, load_material
from dogjax.train.identity import code_sha256, environment
from dogjax.train.loop import Loop
from dogjax.train.run import open_run
from dogjax.train.workdir import Workdir
from tests.train.runs import outcome


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        (lambda: jax.threefry_partitionable(not jax.config.jax_threefry_partitionable), "threefry_partitionable"),
        (lambda: jax.enable_x64(True), "x64"),
    ],
)
def test_a_setting_of_jax_that_changes_bits_changes_the_environment(setting, name):
    before = environment(1, "tf.data")
    with setting():
        after = environment(1, "tf.data")
    assert {key for key in after if after[key] != before[key]} == {name}


def test_the_code_of_a_run_is_hashed_and_comments_and_other_rooms_are_not(tmp_path):
    def hashed(step="x = 1", page="y = 1"):
        package = tmp_path / str(len(list(tmp_path.iterdir())))
        for name, text in (("train/step.py", step), ("report/page.py", page)):
            (package / name).parent.mkdir(parents=True)
            (package / name).write_text(text)
        return code_sha256(package)

    same = {hashed(), hashed('"""Says what it does."""\n\nx  =  1  # a reason\n'), hashed(page="y = 2")}
    assert len(same) == 1
    assert hashed(step="x = 2") not in same


def test_an_environment_tells_the_code_the_flags_in_force_and_the_tensorflow_that_is_there():
    found = environment(1, "tf.data")
    assert found["code"] == code_sha256()
    assert found["xla_flags"] == runtime.xla_flags() != ""
    assert found["packages"]["tensorflow"] == tf.version.VERSION
    assert environment(1, "device")["batches"] == "device"


def test_draws_of_the_split_stream_have_counters_of_their_own():
    counters = list(SPLIT_DRAWS.values())
    assert len(set(counters)) == len(counters)


def segments(workdir):
    found = read_json(workdir / "environment.json")["segments"]
    return [(each["from_step"], each["environment"]["replica_width"]) for each in found]


def train(setup, folder, ahead):
    """Two runs side by side, after the first has trained `ahead` epochs alone."""
    configs = [replace_fields(setup.config(), {"seeds.init": seed}) for seed in (1, 2)]
    material = load_material(configs[0].data)
    with contextlib.ExitStack() as stack:
        runs = []
        for number, config in enumerate(configs):
            workdir = Workdir(folder / str(number))
            stack.enter_context(workdir.locked())
            runs.append(stack.enter_context(open_run(build_experiment(config, material), workdir)))
            runs[-1].begin()
        alone = Loop(runs[:1], Interrupt(), float("inf"), lambda run: None)
        for _ in range(ahead):
            alone.advance()
        Loop(runs, Interrupt(), float("inf"), lambda run: None).complete()
        return runs[0].steps_per_epoch


def test_an_identity_tells_how_many_runs_took_their_steps_as_one(setup, tmp_path, monkeypatch, capsys):
    train(setup, tmp_path / "cpu", ahead=2)
    assert segments(tmp_path / "cpu/0") == segments(tmp_path / "cpu/1") == [(0, 1)]
    monkeypatch.setattr("dogjax.train.loop.are_vmapped", lambda: True)
    train(setup, tmp_path / "together", ahead=0)
    assert segments(tmp_path / "together/0") == [(0, 2)]
    assert "the environment changed" not in capsys.readouterr().out
    meeting = 2 * train(setup, tmp_path / "late", ahead=2)
    assert segments(tmp_path / "late/0") == segments(tmp_path / "late/1") == [(0, 1), (meeting, 2)]
    assert f"the environment changed at step {meeting} (replica_width)" in capsys.readouterr().out
    ends = [outcome(tmp_path / way / "0") for way in ("cpu", "together", "late")]
    assert len({identity for identity, *_ in ends}) == len({digest for _, digest, _ in ends}) == 3
