"""What every recording is taken for by a classifier that was trained on all the others, those of validation too.

A network learns a wrong label by heart within a few epochs, and then says nothing against it. Its convolutions know the
classes all the same: on what they see of a frame, a linear classifier is fitted anew for each recording, without it.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dogjax.config import ModelConfig
from dogjax.data.table import FrameTable
from dogjax.models import ops
from dogjax.models.network import ACTIVATIONS, Conv, Network
from dogjax.train.experiment import Experiment
from dogjax.train.state import Variables
from dogjax.train.step import PROGRAMS_KEPT

# The last blocks: what the first ones see are edges.
BLOCKS = 2
MOST_FRAMES = 1200
# Beyond it several recordings are left out together.
MOST_FOLDS = 60
# With fewer, the others do not show what the class looks like.
FEWEST_UNITS = 3


@dataclasses.dataclass(frozen=True)
class OutOfFold:
    """Predictions for frames of the whole table.

    Attributes:
      frames: int64 `[n]`, their numbers.
      units: int64 `[n]`, what was left out together: a class's recording or, where the data name none, the frame.
      probabilities: float `[n, classes]`; None, and `note` says why, where the data do not allow them.
      note: None, or the reason.
    """

    frames: np.ndarray
    units: np.ndarray
    probabilities: np.ndarray | None
    note: str | None


def predict_out_of_fold(experiment: Experiment, network: Variables) -> OutOfFold:
    """Predictions of the left-out classifiers on what `network`, one of the run's own, sees of each frame."""
    table = experiment.table
    frames = np.arange(len(table))[:: max(1, -(-len(table) // MOST_FRAMES))]
    units = label_units(table.take(frames))
    labels = table.label[frames]
    fewest = min(len(np.unique(units[labels == label])) for label in np.unique(labels))
    if fewest < FEWEST_UNITS:
        note = f"a class has fewer than {FEWEST_UNITS} recordings: what it looks like in others cannot be told"
        return OutOfFold(frames, units, None, note)
    if not experiment.config.model.widths:
        return OutOfFold(frames, units, None, "the network has no convolution whose features could be used")
    seen = _seen(experiment, network, frames)
    if not np.all(np.isfinite(seen)):
        return OutOfFold(frames, units, None, "what the network sees of some frames is not finite")
    probabilities = np.zeros((len(frames), len(table.label_names)))
    folds = GroupKFold(min(MOST_FOLDS, len(np.unique(units))))
    for train, test in folds.split(seen, labels, units):
        classifier = make_pipeline(
            StandardScaler(), LogisticRegression(C=0.1, max_iter=500, class_weight="balanced")
        ).fit(seen[train], labels[train])
        probabilities[np.ix_(test, classifier.classes_)] = classifier.predict_proba(seen[test])
    return OutOfFold(frames, units, probabilities, None)


def label_units(frames: FrameTable) -> np.ndarray:
    """The number of each frame's unit: what is labelled as a whole. A recording of two classes is two."""
    if "" in frames.recording:
        return np.arange(len(frames))
    pairs = np.stack([frames.recording, frames.label.astype(str)])
    return np.unique(pairs, axis=1, return_inverse=True)[1].reshape(-1)


def _seen(experiment: Experiment, network: Variables, frames: np.ndarray) -> np.ndarray:
    """Mean over positions of what the channels of the last blocks see: float32 `[frames, channels]`."""
    module, scaling, size = experiment.program.network, experiment.pipeline.scaling, experiment.config.train.batch_size
    see = _channel_means(module.config, module.classes)
    # The last batch is filled up, so that one program serves all.
    batches = np.resize(frames, -(-len(frames) // size) * size).reshape(-1, size)
    pixels = (experiment.pipeline.images.read(batch).astype(np.float32) for batch in batches)
    return np.concatenate([np.asarray(see(network, (each - scaling.shift) / scaling.scale)) for each in pixels])[
        : len(frames)
    ]


@functools.lru_cache(maxsize=PROGRAMS_KEPT)
def _channel_means(model: ModelConfig, classes: int) -> Callable[[Variables, np.ndarray], jax.Array]:
    """Returns a compiled function of (variables, images): float32 `[batch, channels]` of the last blocks."""
    module, activation = Network(model, classes), ACTIVATIONS[model.activation]

    @jax.jit
    def see(variables: Variables, images: jax.Array) -> jax.Array:
        state: Any
        _, state = module.apply(
            variables,
            images,
            dropout=False,
            batch_statistics=False,
            capture_intermediates=lambda part, _: isinstance(part, Conv),
            mutable=["intermediates"],
        )
        blocks = [state["intermediates"][f"Conv_{n}"]["__call__"][0] for n in range(len(model.widths))]
        means = [ops.leave(activation(each)).mean((1, 2)) for each in blocks[-BLOCKS:]]
        return jax.numpy.concatenate(means, -1).astype(np.float32)

    return see
