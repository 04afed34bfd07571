"""The identity of a run tells apart what its bits depend on."""

import jax
import pytest
import tensorflow as tf

from dogjax import runtime
from dogjax.prng import SPLIT_DRAWS
from dogjax.train.identity import code_sha256, environment


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        (lambda: jax.threefry_partitionable(not jax.config.jax_threefry_partitionable), "threefry_partitionable"),
        (lambda: jax.enable_x64(True), "x64"),
    ],
)
def test_a_setting_of_jax_that_changes_bits_changes_the_environment(setting, name):
    before = environment("tf.data")
    with setting():
        after = environment("tf.data")
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
    found = environment("tf.data")
    assert found["code"] == code_sha256()
    assert found["xla_flags"] == runtime.xla_flags() != ""
    assert found["packages"]["tensorflow"] == tf.version.VERSION
    assert environment("device")["batches"] == "device"


def test_a_diagnosis_depends_on_its_own_code_and_a_run_does_not(tmp_path):
    def hashes(**files):
        package = tmp_path / str(len(list(tmp_path.iterdir())))
        for name, text in ({"train": "x = 1", "diagnose": "x = 2", "report": "x = 3"} | files).items():
            (package / name).mkdir(parents=True)
            (package / name / "code.py").write_text(text)
        return code_sha256(package), code_sha256(package, ("study", "report"))

    (run, diagnosis), other = hashes(), hashes(diagnose="x = 4")
    assert other[0] == run and other[1] != diagnosis
    assert hashes(report="x = 4") == (run, diagnosis)
    assert not {run, diagnosis} & set(hashes(train="x = 4"))


def test_draws_of_the_split_stream_have_counters_of_their_own():
    counters = list(SPLIT_DRAWS.values())
    assert len(set(counters)) == len(counters)
