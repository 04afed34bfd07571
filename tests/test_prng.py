"""Every draw belongs to a named stream."""

import sys

import jax
import numpy as np
import pytest
from hypothesis import given, strategies

from dogjax.prng import STREAMS, Streams
from tests.train.runs import run_command


def bits(key):
    return tuple(np.asarray(jax.random.key_data(key)).tolist())


def test_the_streams_are_the_design_s():
    assert STREAMS == ("split", "init", "order", "augment", "dropout", "poke")


def test_a_key_is_fold_in_of_root_name_and_counters():
    # Golden bits: a change here changes every published run.
    assert bits(Streams(0).key("order", 3)) == (3275723437, 3039705163)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_s_own_seed_changes_that_stream_and_no_other(name):
    before, after = Streams(0), Streams(0, {name: 1})
    assert {other for other in STREAMS if bits(before.key(other)) != bits(after.key(other))} == {name}


def test_null_means_the_seed_at_the_top():
    assert bits(Streams(7, {"init": None}).key("init")) == bits(Streams(3, {"init": 7}).key("init"))


def test_streams_and_counters_do_not_collide():
    streams = Streams(0)
    keys = [bits(streams.key(name, i, j)) for name in STREAMS for i in range(10) for j in range(10)]
    assert len(set(keys)) == len(keys)


def test_tensorflow_and_numpy_seeds_are_the_key_s_bits():
    streams = Streams(5)
    assert tuple(streams.tf_seed("augment", 2).view(np.uint32).tolist()) == bits(streams.key("augment", 2))
    first, again = (streams.numpy("split").integers(1 << 30, size=4) for _ in range(2))
    assert first.tolist() == again.tolist()
    assert first.tolist() != streams.numpy("order").integers(1 << 30, size=4).tolist()


@given(
    seed=strategies.integers(0, 2**63 - 1),
    name=strategies.sampled_from(STREAMS),
    counters=strategies.lists(strategies.integers(0, 2**32 - 1), max_size=2),
)
def test_the_host_s_bits_are_jax_s(seed, name, counters):
    streams = Streams(seed)
    assert tuple(streams.tf_seed(name, *counters).view(np.uint32).tolist()) == bits(streams.key(name, *counters))


def test_a_plan_and_a_split_draw_without_a_device():
    program = """
import jax
from dogjax.config import from_dict
from dogjax.prng import Streams
from dogjax.study.plan import plan_runs
Streams(0).split_generator("folds").random(), Streams(0).tf_seed("order")
plan_runs(from_dict({"study": {"kind": "sobol", "replicates": 4}}))
print(jax._src.xla_bridge.backends_are_initialized())
"""
    ended = run_command([sys.executable, "-c", program])
    assert ended.stdout.strip() == "False", ended.stderr


def test_an_unknown_stream_is_refused():
    with pytest.raises(ValueError, match="unknown streams"):
        Streams(0, {"shuffle": 1})
