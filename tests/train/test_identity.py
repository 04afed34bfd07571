"""The identity of a run tells apart what its bits depend on."""

import jax
import pytest

from dogjax.train.identity import environment


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        (lambda: jax.threefry_partitionable(not jax.config.jax_threefry_partitionable), "threefry_partitionable"),
        (lambda: jax.enable_x64(True), "x64"),
    ],
)
def test_a_setting_of_jax_that_changes_bits_changes_the_environment(setting, name):
    before = environment()
    with setting():
        after = environment()
    assert {key for key in after if after[key] != before[key]} == {name}
