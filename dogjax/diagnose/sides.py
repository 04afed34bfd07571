"""Compares the two sides of a split: their classes, and the pixels of their recordings."""

import numpy as np

from dogjax.data.table import Images
from dogjax.diagnose.findings import Apart, Sides
from dogjax.train.experiment import Experiment

MOST_FRAMES = 600
# Recordings, or backgrounds, of each side that a comparison takes at least: with fewer no permutation has a p of .001.
FEWEST_UNITS = 6
PERMUTATIONS = 2000
FEATURES = ("red", "green", "blue", "contrast", "sharpness")


def compare_sides(experiment: Experiment, rng: np.random.Generator) -> Sides:
    """Counts the classes of both sides, and finds the feature of pixels in which they differ most."""
    table, split = experiment.table, experiment.split
    names = table.label_names
    counts = [np.bincount(table.label[frames], minlength=len(names)) for frames in (split.train, split.validation)]
    train, validation = ({name: int(count) for name, count in zip(names, each)} for each in counts)
    return Sides(train, validation, _most_apart(experiment, rng))


def _most_apart(experiment: Experiment, rng: np.random.Generator) -> Apart | None:
    """Permutes recordings between the sides; the largest difference over all features has one p (Westfall & Young).

    Where the two sides share no background, whole backgrounds are permuted: they differ by nature.
    """
    units, sides = _units(experiment), []
    for frames in (experiment.split.train, experiment.split.validation):
        frames = frames[:: max(1, -(-len(frames) // MOST_FRAMES))]
        names = units[frames]
        if "" in names or len(np.unique(names)) < FEWEST_UNITS:
            return None
        features = features_of(experiment.pipeline.images, frames)
        sides.append(np.stack([features[names == name].mean(axis=0) for name in np.unique(names)]))
    train, validation = sides
    both, count = np.concatenate(sides), len(train)
    within = np.sqrt((train.var(axis=0, ddof=1) + validation.var(axis=0, ddof=1)) / 2)
    if not np.all(within > 0):
        return None

    def differences(order: np.ndarray) -> np.ndarray:
        first, second = both[order[:count]], both[order[count:]]
        deviation = np.sqrt((first.var(axis=0, ddof=1) + second.var(axis=0, ddof=1)) / 2)
        return np.abs(first.mean(axis=0) - second.mean(axis=0)) / np.maximum(deviation, 1e-9)

    found = differences(np.arange(len(both)))
    drawn = np.array([differences(rng.permutation(len(both))).max() for _ in range(PERMUTATIONS)])
    most = int(found.argmax())
    return Apart(
        feature=FEATURES[most],
        train=float(train[:, most].mean()),
        validation=float(validation[:, most].mean()),
        deviation=float(within[most]),
        p=float((1 + np.count_nonzero(drawn >= found[most])) / (1 + PERMUTATIONS)),
    )


def _units(experiment: Experiment) -> np.ndarray:
    """Returns what is permuted as a whole, `[frames]` text: the recording, or the background where none is shared."""
    backgrounds, split = experiment.table.background, experiment.split
    shared = set(backgrounds[split.train]) & set(backgrounds[split.validation])
    return experiment.table.recording if shared else backgrounds


def features_of(images: Images, frames: np.ndarray) -> np.ndarray:
    """Returns the mean of each channel, the contrast and the sharpness of frames, float `[frames, 5]`, of 255.

    Contrast is the standard deviation of the grey values, sharpness that of their differences between neighbours.
    """
    rows = []
    for chunk in np.array_split(frames, max(1, len(frames) // 256)):
        pixels = images.read(chunk).astype(np.float64)
        grey = pixels.mean(axis=3)
        sharpness = np.diff(grey, axis=1).std(axis=(1, 2)) + np.diff(grey, axis=2).std(axis=(1, 2))
        rows.append(np.column_stack([pixels.mean(axis=(1, 2)), grey.std(axis=(1, 2)), sharpness / 2]))
    return np.concatenate(rows)
