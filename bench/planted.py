"""Does a diagnosis name what is wrong? Runs in which one thing alone was made wrong, and runs in which nothing was.

`python -m bench.planted [SEEDS]` trains and diagnoses a run for every plant and seed, prints a row each, and writes
`docs/planted.md`. The thresholds of `dogjax/diagnose/causes.py` were set on seeds 0 to 9; the bench takes others.
"""

import contextlib
import dataclasses
import pathlib
import shutil
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

from dogjax import config as config_lib
from dogjax.config import Config, DataConfig
from dogjax.data.cache import cache_folder
from dogjax.data.prepare import prepare
from dogjax.diagnose.diagnose import diagnose_workdir
from dogjax.files import read_json
from dogjax.train.loop import train
from dogjax.train.workdir import Workdir
from dogjax.world import film

PAGE = pathlib.Path(__file__).parent.parent / "docs" / "planted.md"
FIRST_SEED, SEEDS = 700, 2
# True of every run here, which validates on nine recordings, and said where the interval of the accuracy is wide.
CAVEAT = "small_validation"
HEAD = """# Planted causes

`make bench-diagnosis` writes this page. Each run has one thing wrong and nothing else, or nothing wrong at all; its
diagnosis should name that cause first, or nothing. Runs are small: 32 pixels, a frame every two seconds, the two
look-alikes merged.

Every round takes seeds that no threshold was set on; this one takes 700 and 701. Six came before it: 13 of 16 on
seeds 100 and 101, 10 of 16 on 200 and 201, after which overconfidence and label noise were planted anew, more strongly,
so that these figures are not of the same test; 14 of 16 on 300 and 301, where a learning rate too high was missed
twice, after which the volatility below which a curve is calm was lowered from .15 to .1, on seeds 0 to 6; 15 of 16 on
400 and 401, after which steps are called too long where their loss is lowest after less than two of them, not after
two, because the post's baseline was; 15 of 16 on 500 and 501, after which intervals of shares were widened as those of
few groups must be, and the border probe was balanced over dogs; and 14 of 16 on 600 and 601, where overconfidence was
missed once and a small validation set named before a raw input, after which it is named last. In this round it was
named in a sound run, too. All runs validate on nine recordings, so it is true of each of them, and both counts are
given.
"""


@dataclasses.dataclass(frozen=True)
class Plant:
    """One thing made wrong.

    Attributes:
      cause: what the diagnosis should name first; null for nothing.
      what: one line for a reader.
      fields: of the configuration.
      world: the videos, a function of this module.
    """

    cause: str | None
    what: str
    fields: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    world: str = "whole"


PLANTS = (
    Plant(None, "nothing"),
    Plant("batch_norm_statistics", "BatchNorm's momentum .99, not .9", {"model.norm_momentum": 0.99}),
    Plant(
        "augmented_validation",
        "validation augmented as training is, by strong transforms",
        {
            "augment.validation": True,
            "augment.rotation": 180.0,
            "augment.zoom": 0.5,
            "augment.brightness": (0.3, 1.7),
            "augment.channel_shift": 60.0,
        },
    ),
    Plant(
        "learning_rate",
        "a learning rate fifty times as high that never falls, weights not averaged",
        {"optim.learning_rate": 1.0, "optim.schedule": "constant", "optim.ema_decay": 0.0},
    ),
    Plant(
        "overconfidence",
        "a fifth of the frames learnt by heart, unchanged, for long; labels not smoothed; a norm without statistics",
        {
            "augment.zoom": 0.0,
            "augment.horizontal_flip": False,
            "optim.label_smoothing": 0.0,
            "optim.learning_rate": 0.05,
            "optim.momentum": 0.9,
            "model.norm": "group",
            "model.norm_momentum": 0.99,
            "split.train_fraction": 0.2,
            "train.batch_size": 32,
            "train.epochs": 60,
        },
    ),
    Plant("leaky_split", "a random split of the frames", {"split.strategy": "frame"}),
    Plant("background_confound", "each dog filmed in a place of its own", {"split.folds": 3}, "confounded"),
    Plant("label_noise", "a recording in each place in the wrong dog's folder", {}, "mislabelled"),
    Plant("input_scale", "pixels as 0..255", {"data.scale": "raw"}),
)


def base(seed: int) -> Config:
    """A run with nothing wrong."""
    c = config_lib.defaults()
    c.seed = seed
    c.data.fps = 0.5
    c.data.image_size = 32
    c.data.scale = "standardise"
    c.data.merge_labels = ("biscuit", "toffee")
    c.split.strategy = "recording"
    c.split.folds = 2
    c.augment.zoom = 0.2
    c.augment.horizontal_flip = True
    c.model.widths = (16, 32, 64)
    c.model.kernels = (5, 3, 3)
    c.model.head = "average"
    c.model.dense = (64,)
    c.model.dropout = 0.0
    c.model.norm_momentum = 0.9
    c.optim.learning_rate = 0.02
    c.optim.label_smoothing = 0.1
    c.train.drop_remainder = True
    c.optim.schedule = "cosine"
    c.optim.ema_decay = 0.95
    c.train.epochs = 30
    c.train.checkpoint_every_epochs = 30
    return config_lib.from_dict(c.to_dict())


def first_cause(plant: Plant, seed: int, folder: pathlib.Path) -> list[str]:
    """Trains and diagnoses one run in `folder`; the names of the causes, first the first."""
    videos = folder / "videos"
    fields = dict(plant.fields)
    if plant.world != "whole":
        {"confounded": confounded, "mislabelled": mislabelled}[plant.world](videos)
        fields |= {"data.source": "videos", "data.path": str(videos)}
    workdir = Workdir(folder / "run")
    with contextlib.redirect_stdout(sys.stderr):
        train(config_lib.replace_fields(base(seed), fields), workdir)
        diagnose_workdir(workdir, None)
    return [cause["name"] for cause in read_json(workdir.path / "diagnosis.json")["causes"]]


def confounded(root: pathlib.Path) -> None:
    """The clips of each dog in one place alone: another one for each dog."""
    places = sorted({clip.parent.name for clip in _clips()})
    dogs = sorted({clip.parent.parent.name for clip in _clips()})
    for clip in _clips():
        if places.index(clip.parent.name) == dogs.index(clip.parent.parent.name):
            _copy(clip, root, clip.parent.parent.name)


def mislabelled(root: pathlib.Path) -> None:
    """One recording in each place is sorted into another dog's folder: pepper's and biscuit's in turn."""
    places = sorted({clip.parent.name for clip in _clips()})
    wrong = {place: ("pepper", "biscuit")[:: 1 if number % 2 else -1] for number, place in enumerate(places)}
    done = set()
    for clip in _clips():
        dog, place = clip.parent.parent.name, clip.parent.name
        truth, given = wrong[place]
        if dog == truth and place not in done:
            done.add(place)
            dog = given
        _copy(clip, root, dog)


def _clips() -> list[pathlib.Path]:
    """The embedded clips, rendered if they are not there: `<dog>/<place>/<recording>.mp4`."""
    prepare(DataConfig(fps=0.5, image_size=32))
    return sorted((cache_folder(DataConfig()) / f"synthetic-{film.VERSION}").rglob("*.mp4"))


def _copy(clip: pathlib.Path, root: pathlib.Path, dog: str) -> None:
    target = root / dog / clip.parent.name / f"{clip.parent.parent.name}_{clip.name}"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(clip, target)


def main() -> None:
    seeds = range(FIRST_SEED, FIRST_SEED + (int(sys.argv[1]) if sys.argv[1:] else SEEDS))
    lines = ["| planted | what was made wrong | named first | also named |", "| --- | --- | --- | --- |"]
    print("\n".join(lines), flush=True)
    found: list[tuple[str | None, list[str]]] = []
    for plant in PLANTS:
        for seed in seeds:
            with tempfile.TemporaryDirectory() as folder:
                named = first_cause(plant, seed, pathlib.Path(folder))
            found.append((plant.cause, named))
            also = ", ".join(named[1:])
            lines.append(f"| {plant.cause or 'nothing'} | {plant.what} | {named[0] if named else 'nothing'} | {also} |")
            print(lines[-1], flush=True)
    faults = [(cause, [name for name in named if name != CAVEAT]) for cause, named in found]
    total = f"{_count(faults)} With `{CAVEAT}` counted as an accusation: {_count(found)}"
    print(total)
    PAGE.write_text("\n".join([HEAD, total, "", *lines]) + "\n")


def _count(found: list[tuple[str | None, list[str]]]) -> str:
    planted = [named[:1] == [cause] for cause, named in found if cause]
    sound = [not named for cause, named in found if not cause]
    return (
        f"Named first: {sum(planted)} of {len(planted)}; nothing accused where nothing is wrong: {sum(sound)} of "
        f"{len(sound)}."
    )


if __name__ == "__main__":
    main()
