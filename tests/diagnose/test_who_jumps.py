"""Who jumps: shares that add up to one, and point at what moves."""

from types import SimpleNamespace

import numpy as np
import pytest

from dogjax.diagnose.who_jumps import divide_jumps
from dogjax.eval.curves import jumping

NAMES = ("a", "b")


def table(labels, recordings):
    return SimpleNamespace(label=np.array(labels), recording=np.array(recordings), label_names=NAMES)


def test_the_shares_of_frames_recordings_and_classes_add_up_to_one():
    rng = np.random.default_rng(0)
    losses = rng.gamma(1.0, size=(12, 6))
    found = divide_jumps(losses, table([0, 0, 0, 1, 1, 1], ["x", "x", "y", "y", "z", "z"]))
    assert sum(found["frame"]) == pytest.approx(1)
    assert sum(found["recording"].values()) == pytest.approx(1) and sum(found["class"].values()) == pytest.approx(1)
    assert found["class"]["a"] == pytest.approx(sum(found["frame"][:3]))
    assert found["recording"]["z"] == pytest.approx(sum(found["frame"][4:]))


def test_a_frame_that_alone_moves_has_all_of_the_jumping():
    losses = np.full((8, 4), 0.3)
    losses[::2, 2] = 2.0
    found = divide_jumps(losses, table([0, 0, 1, 1], ["x", "x", "y", "z"]))
    assert found["frame"] == pytest.approx([0, 0, 1, 0])
    assert list(found["recording"]) == ["y", "x", "z"] and list(found["class"]) == ["b", "a"]


def test_a_frame_that_moves_against_the_curve_has_a_negative_share():
    wave = np.array([0.0, 1.0] * 5)
    found = divide_jumps(np.column_stack([3 * wave, 1 - wave]), table([0, 1], ["x", "y"]))
    assert found["frame"] == pytest.approx([1.5, -0.5])


@pytest.mark.parametrize("losses", [np.ones((8, 2)), np.ones((2, 2)), np.arange(16.0).reshape(8, 2)])
def test_a_curve_that_does_not_jump_has_no_shares(losses):
    assert divide_jumps(losses, table([0, 1], ["x", "y"])) is None
    assert not jumping(losses.mean(axis=1))
