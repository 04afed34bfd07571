"""What a fault is, and what it may ask about the run that it is planted in."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dogjax.config import Config, replace_fields
from dogjax.data.prepare import prepare
from dogjax.data.sources.clips import Clip, find_clips
from dogjax.data.splits import Split, split_frames
from dogjax.data.table import FrameTable, load_frames
from dogjax.prng import Streams

Fields = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Situation:
    """The run that a fault is planted in, before it is.

    Attributes:
      config: of the sound run, with `data.path` of the world's videos.
      strength: of the fault.
    """

    config: Config
    strength: Any

    @functools.cached_property
    def clips(self) -> list[Clip]:
        """The world's videos."""
        return find_clips(pathlib.Path(self.config.data.path), "fail").clips

    @property
    def labels(self) -> list[str]:
        """The classes as the folders have them, in order."""
        return sorted({clip.label for clip in self.clips})

    @functools.cached_property
    def sides(self) -> tuple[FrameTable, Split]:
        """The frames of the sound run, and how it splits them."""
        prepared = prepare(self.config.data)
        assert prepared.folder is not None  # only arrays have none
        table = load_frames(prepared.folder, self.config.data.merge_labels)
        streams = Streams(self.config.seed, dataclasses.asdict(self.config.seeds))
        return table, split_frames(table, self.config.split, streams)

    @property
    def train_frames(self) -> int:
        """The number of training frames of the sound run."""
        return len(self.sides[1].train)

    def trains(self, clip: Clip) -> bool:
        """Whether the sound run trains on frames of `clip`."""
        table, split = self.sides
        return clip.recording in set(table.recording[split.train])

    @property
    def rng(self) -> np.random.Generator:
        """The generator of what a fault draws: of the run's seed, and of nothing else."""
        return np.random.default_rng([self.config.seed, 19])


@dataclasses.dataclass(frozen=True)
class Fault:
    """One thing that can be wrong, at several strengths.

    Attributes:
      name: a key of the table.
      whence: DeepCrime's operator, a public case, or `own`.
      what: one line for a reader.
      strengths: from weak to strong; 0, the sound run, is the same for all and not listed.
      right: names of causes that count as right, decided before anything was run.
      why: of `right`, one line.
      fields: of the configuration, with the fault planted.
      edit: fills a folder with the fault's own videos; None leaves the world's.
      setting: fields of the sound run, too: what the fault needs around it.
      control: further fields of the sound run, where they depend on the strength.
      control_edit: fills a folder with the sound run's videos; None leaves the world's.
      harm: what it does to the validation score: `hurts` it, `flatters` it (it is better than it should be), or
        `unsettles` it (it says another thing with each seed).
    """

    name: str
    whence: str
    what: str
    strengths: tuple[Any, ...]
    right: frozenset[str]
    why: str
    fields: Callable[[Situation], Fields] = lambda situation: {}
    edit: Callable[[Situation, pathlib.Path], None] | None = None
    setting: Fields = dataclasses.field(default_factory=dict)
    control: Callable[[Situation], Fields] = lambda situation: {}
    control_edit: Callable[[Situation, pathlib.Path], None] | None = None
    harm: str = "hurts"


def sound_config(fault: Fault, base: Config, strength: Any) -> Config:
    """Returns the configuration of the sound run that a faulty one is held against."""
    config = replace_fields(base, fault.setting)
    return replace_fields(config, fault.control(Situation(config, strength)))


def faulty_config(fault: Fault, base: Config, strength: Any) -> Config:
    """Returns the configuration of a run with the fault, on the world's own videos."""
    config = sound_config(fault, base, strength)
    return replace_fields(config, fault.fields(Situation(config, strength)))
