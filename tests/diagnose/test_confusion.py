"""Which class is taken for which."""

import itertools

import numpy as np
import pytest

from dogjax.diagnose.confusion import count_confusion

NAMES = ("a", "b", "c")


def test_predictions_of_all_epochs_are_counted():
    labels = np.array([0, 0, 1, 1])
    found = count_confusion(np.array([[0, 1, 1, 0], [0, 0, 1, 2]]), labels, NAMES)
    assert found.shares.sum() == pytest.approx(1) and found.accuracy == pytest.approx(5 / 8)
    assert found.by_class == pytest.approx({"a": 3 / 4, "b": 2 / 4})
    assert next(iter(found.pairs.items())) == (("a", "b"), pytest.approx(2 / 3))


def test_without_errors_there_are_no_pairs():
    assert count_confusion(np.array([[0, 1]]), np.array([0, 1]), NAMES).pairs == {}


def test_the_best_order_is_the_best_of_all_orders():
    rng = np.random.default_rng(4)
    for _ in range(20):
        labels = rng.integers(3, size=60)
        found = count_confusion(rng.integers(3, size=(2, 60)), labels, NAMES)
        best = max(sum(found.shares[i, order[i]] for i in range(3)) for order in itertools.permutations(range(3)))
        order, accuracy = found.best_order
        assert accuracy == pytest.approx(best) and sorted(order) == sorted(order.values()) == sorted(NAMES)
