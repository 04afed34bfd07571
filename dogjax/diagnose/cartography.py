"""Dataset cartography: how certain networks were of each frame's class, epoch after epoch or seed after seed.

Source: Swayamdipta et al. 2020, "Dataset cartography", arXiv 2009.10795, section 2; there of training examples over
epochs, here of frames that were not trained on.
"""

import dataclasses
import pathlib

import numpy as np
from scipy.special import softmax

from dogjax.errors import UserError
from dogjax.eval.predictions import epochs_with_predictions, read_predictions


@dataclasses.dataclass(frozen=True)
class Dynamics:
    """What all networks said of each frame.

    Attributes:
      confidence: float `[frames]`, mean over networks of the probability of the frame's own class.
      variability: float `[frames]`, its standard deviation over networks.
      correctness: float `[frames]`, the share of networks that named the class.
      called: int `[frames]`, the class that was named most often.
    """

    confidence: np.ndarray
    variability: np.ndarray
    correctness: np.ndarray
    called: np.ndarray


class Tally:
    """Adds up what networks say of frames, a network at a time; not each needs to have seen every frame.

    Args:
      labels: int `[frames]`.
      classes: number of classes.
    """

    def __init__(self, labels: np.ndarray, classes: int) -> None:
        self._labels = labels
        self._networks = np.zeros(len(labels), np.int64)
        self._confidence, self._squares = np.zeros(len(labels)), np.zeros(len(labels))
        self._votes = np.zeros((len(labels), classes), np.int64)

    def add(self, frames: np.ndarray, logits: np.ndarray) -> None:
        """Adds one network's float `[n, classes]` of `frames`, int `[n]`, each once."""
        probabilities = softmax(logits.astype(np.float64), axis=1)
        own = probabilities[np.arange(len(frames)), self._labels[frames]]
        self._networks[frames] += 1
        # Welford 1962: squares of differences, where those of the values would cancel.
        before = own - self._confidence[frames]
        self._confidence[frames] += before / self._networks[frames]
        self._squares[frames] += before * (own - self._confidence[frames])
        self._votes[frames, probabilities.argmax(axis=1)] += 1

    @property
    def frames(self) -> np.ndarray:
        """The frames that any network saw, ascending."""
        return np.flatnonzero(self._networks)

    @property
    def networks(self) -> np.ndarray:
        """How many networks saw each of `frames`."""
        return self._networks[self.frames]

    def dynamics(self) -> Dynamics:
        """Those of `frames`."""
        frames, networks = self.frames, self.networks
        votes = self._votes[frames]
        return Dynamics(
            confidence=self._confidence[frames],
            variability=np.sqrt(self._squares[frames] / networks),
            correctness=votes[np.arange(len(frames)), self._labels[frames]] / networks,
            called=votes.argmax(axis=1),
        )


def training_dynamics(workdir: pathlib.Path, epochs: int) -> Dynamics:
    """Computes the dynamics of the validation frames over the first `epochs` of the run in `workdir`.

    An epoch whose predictions are not there any more is left out.

    Raises:
      UserError: no epoch has predictions, or those of an epoch are damaged.
    """
    kept = [epoch for epoch in epochs_with_predictions(workdir) if epoch <= epochs]
    if not kept:
        raise UserError(f"{workdir / 'predictions'}: holds no predictions of the {epochs} epochs; train the run anew")
    first = read_predictions(workdir, kept[0])
    tally, frames = Tally(first.label, first.logits.shape[1]), np.arange(len(first.label))
    for epoch in kept:
        tally.add(frames, read_predictions(workdir, epoch).logits)
    return tally.dynamics()
