"""All runs of a part of the benchmark: the world, fault, strength and seed of each, and whether it is diagnosed."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from bench.faults import together
from bench.faults.cases import CASES
from bench.faults.fault import Fault
from bench.faults.operators import FAULTS, OF_THE_NETWORK, OF_TRAINING
from bench.faults.sound import VARIATIONS
from bench.faults.worlds import WORLDS, World
from dogjax.errors import UserError
from dogjax.files import sha256_of_json
from dogjax.strict import nearest_name

DEVELOPMENT, TEST = "development", "test"
# Seeds of fault runs, common to a fault and its sound run, and how many of them are diagnosed.
SEEDS = {DEVELOPMENT: (1901, 1902, 1903, 1904), TEST: (2901, 2902, 2903, 2904)}
DIAGNOSED = 2
SOUND_SEED = 100  # added to the first seed: of the first varied sound run
# Clips of ten seconds are too short for faults of the data; in noise there is nothing that a fault could spoil.
PLANTED = {
    "embedded": tuple(FAULTS),
    "drift": tuple(FAULTS),
    "second": tuple(FAULTS),
    "clips": tuple(fault.name for fault in (*OF_TRAINING, *OF_THE_NETWORK) if fault.edit is None),
    "noise": (),
}
# How many of a fault's strengths are tried, from the strongest down.
STRENGTHS = {"embedded": 3, "drift": 2, "second": 2, "clips": 1, "noise": 0}
SOUND, TOGETHER, CASE = "sound", "together", "case"
# The key of the sound run that faults without a setting are held against.
BASE = "base"


@dataclasses.dataclass(frozen=True, order=True)
class Planned:
    """One run.

    Attributes:
      world: its name.
      kind: a fault's name, or `sound`, `together`, `case`.
      strength: a fault's, from 1, or 0 for the sound run that it is held against; else which of its kind, from 0.
      seed: of the run.
      diagnosed: whether it is diagnosed, too.
      key: of the sound run, shared by the faults that are held against it; empty for others.
    """

    world: str
    kind: str
    strength: int
    seed: int
    diagnosed: bool
    key: str = ""

    @property
    def name(self) -> str:
        """The run's folder, below the folder of all runs. Runs with the same name are the same run."""
        which = self.key or str(self.strength)
        return f"{self.world}/{self.kind}/{which}/{self.seed}"


def control_of(fault: Fault, strength: int) -> str:
    """Returns the key of the sound run that `fault` is held against at a strength, numbered from 1."""
    varies = fault.control is not Fault.control or fault.control_edit is not None
    what = [sorted(fault.setting.items()), [fault.name, strength] if varies else []]
    return BASE if what == [[], []] else sha256_of_json(what)[:8]


def plan(worlds: Iterable[World]) -> list[Planned]:
    """Lists the runs of the given worlds, each once, those of one fault side by side."""
    runs = {run.name: run for world in worlds for run in _of_world(world)}
    return list(runs.values())


def worlds_of(names: str) -> list[World]:
    """Returns the worlds of a part, or those of a list of names divided by commas, that are on this machine."""
    wanted = [world for world in WORLDS.values() if world.part == names or world.name in names.split(",")]
    return [world for world in wanted if world.is_here()]


def _of_world(world: World) -> Iterator[Planned]:
    seeds = SEEDS[world.part]
    for name in PLANTED[world.name]:
        fault = FAULTS[name]
        for strength in range(len(fault.strengths), len(fault.strengths) - STRENGTHS[world.name], -1):
            for number, seed in enumerate(seeds):
                key = control_of(fault, strength)
                yield Planned(world.name, SOUND, 0, seed, False, key)
                yield Planned(world.name, name, strength, seed, number < DIAGNOSED)
    for number in range(VARIATIONS[world.name]):
        yield Planned(world.name, SOUND, number + 1, seeds[0] + SOUND_SEED + number, True)
    if world.name == "embedded":
        for row in range(together.RUNS):
            for seed in seeds[:2]:
                yield Planned(world.name, TOGETHER, row, seed, True)
        for number in range(len(CASES)):
            yield Planned(world.name, CASE, number, 0, True)


def only(runs: Iterable[Planned], faults: Sequence[str]) -> list[Planned]:
    """Returns the runs of some faults, and the sound runs that they are held against.

    Raises:
      UserError: there is no fault of such a name.
    """
    for name in faults:
        if name not in FAULTS:
            raise UserError(f"--faults={name}: {nearest_name(name, list(FAULTS))}")
    keys = {control_of(FAULTS[name], number + 1) for name in faults for number in range(len(FAULTS[name].strengths))}
    return [run for run in runs if run.kind in faults or run.key in keys]


def part_of(runs: Sequence[Planned], part: str) -> list[Planned]:
    """Returns every n-th run, from the i-th on, of part `i/n`.

    Raises:
      UserError: it is not written so.
    """
    number, _, parts = part.partition("/")
    if not (number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts)):
        raise UserError(f"--part={part}: write i/n, such as 1/2 for the first of two parts")
    return list(runs[int(number) - 1 :: int(parts)])
