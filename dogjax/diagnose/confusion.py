"""Tells which class is taken for which, over the scored epochs."""

import dataclasses
import itertools

import numpy as np
from scipy.optimize import linear_sum_assignment


@dataclasses.dataclass(frozen=True)
class Confusion:
    """Shares of all predictions of some epochs.

    Attributes:
      names: of the classes.
      shares: float `[classes, classes]`, of frames of the first class that are predicted as the second; they add up
        to 1.
    """

    names: tuple[str, ...]
    shares: np.ndarray

    @property
    def accuracy(self) -> float:
        """Share of predictions that are right."""
        return float(np.trace(self.shares))

    @property
    def by_class(self) -> dict[str, float]:
        """Accuracy of each class that has frames."""
        totals = self.shares.sum(axis=1)
        return {name: float(self.shares[i, i] / totals[i]) for i, name in enumerate(self.names) if totals[i]}

    @property
    def pairs(self) -> dict[tuple[str, str], float]:
        """The share of all errors that lie between two classes, the largest first; empty without errors."""
        errors = 1 - self.accuracy
        if errors <= 0:
            return {}
        found = {
            (self.names[i], self.names[j]): float((self.shares[i, j] + self.shares[j, i]) / errors)
            for i, j in itertools.combinations(range(len(self.names)), 2)
        }
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    @property
    def best_order(self) -> tuple[dict[str, str], float]:
        """The order of the classes under which most predictions are right, and their share (Kuhn 1955).

        Returns:
          For each class the one that its frames are mostly predicted as, each of them once; and the accuracy after
          that exchange.
        """
        rows, columns = linear_sum_assignment(self.shares, maximize=True)
        order = {self.names[row]: self.names[column] for row, column in zip(rows, columns)}
        return order, float(self.shares[rows, columns].sum())


def count_confusion(predictions: np.ndarray, labels: np.ndarray, names: tuple[str, ...]) -> Confusion:
    """Counts predictions.

    Args:
      predictions: int `[epochs, frames]`.
      labels: int `[frames]`.
      names: of the classes.
    """
    counts = np.zeros((len(names), len(names)))
    for each in predictions:
        np.add.at(counts, (labels, each), 1)
    return Confusion(names, counts / counts.sum())
