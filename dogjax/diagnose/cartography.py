"""Dataset cartography: how certain a network was of each validation frame's dog, epoch after epoch.

Source: Swayamdipta et al. 2020, "Dataset cartography", arXiv 2009.10795, section 2; there of training examples, here of
frames that were not trained on.
"""

import dataclasses
import pathlib

import numpy as np
from scipy.special import softmax

from dogjax.eval.predictions import read_predictions


@dataclasses.dataclass(frozen=True)
class Dynamics:
    """What all epochs said of each validation frame.

    Attributes:
      confidence: float `[frames]`, mean over epochs of the probability of the frame's own dog.
      variability: float `[frames]`, its standard deviation over epochs.
      correctness: float `[frames]`, the share of epochs that named the dog.
      called: int `[frames]`, the dog that was named most often.
    """

    confidence: np.ndarray
    variability: np.ndarray
    correctness: np.ndarray
    called: np.ndarray


def training_dynamics(workdir: pathlib.Path, epochs: int) -> Dynamics:
    """The dynamics over all `epochs` of the run in `workdir`, from its predictions."""
    labels = read_predictions(workdir, epochs).label
    rows, own, votes = np.arange(len(labels)), [], []
    for epoch in range(1, epochs + 1):
        probabilities = softmax(read_predictions(workdir, epoch).logits.astype(np.float64), axis=1)
        own.append(probabilities[rows, labels])
        votes.append(np.eye(probabilities.shape[1])[probabilities.argmax(axis=1)])
    counts = np.sum(votes, axis=0)
    return Dynamics(
        confidence=np.mean(own, axis=0),
        variability=np.std(own, axis=0),
        correctness=counts[rows, labels] / epochs,
        called=counts.argmax(axis=1),
    )
