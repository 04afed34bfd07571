"""Plans the runs of a study: a pure function of its configuration."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from SALib.sample import sobol as sobol_design

from dogjax.config import Config, StudyConfig, replace_fields, to_dict
from dogjax.errors import UserError
from dogjax.prng import Streams

CONTROL, POKE, ALL, REFERENCE = "control", "poke", "all", "reference"
# The run of the control arm that is killed half-way and resumed.
KILLED = 2
# Seeds of replicates lie apart from each other and from the base seeds.
SEEDS_A_BASE = 1000


@dataclasses.dataclass(frozen=True)
class PlannedRun:
    """Holds one run of a study.

    Attributes:
      arm: runs of one arm are replicates of each other.
      base: number of the base seed.
      replicate: number of the run within arm and base.
      config: of the run, complete.
      study_epochs: those of the study; an arm may train longer or shorter.
      killed: whether the run is killed half-way, and resumed.
    """

    arm: str
    base: int
    replicate: int
    config: Config
    study_epochs: int
    killed: bool = False

    @property
    def name(self) -> str:
        """Returns the name of the run's folder."""
        return f"{self.arm}-{self.base}-{self.replicate:03d}"


def plan_runs(config: Config) -> list[PlannedRun]:
    """Lists all runs of the study, the control's first.

    Raises:
      UserError: an arm's configuration is wrong, or a name is taken.
    """
    kinds = {"seeds": _seeds, "sobol": _sobol, "crossed": _crossed, "arms": _arms}
    return list(kinds[config.study.kind](config))


def in_shard(runs: list[PlannedRun], shard: str) -> list[PlannedRun]:
    """Lists the runs of shard `i/n`. The first shard has the whole control, which is checked before anything else."""
    part, parts = map(int, shard.split("/"))
    others = [run for run in runs if run.arm != CONTROL]
    return [run for run in runs if run.arm == CONTROL and part == 1] + others[part - 1 :: parts]


def design_problem(study: StudyConfig) -> dict[str, Any]:
    """Describes the factors of a Sobol study for SALib."""
    return {"num_vars": len(study.streams), "names": list(study.streams), "bounds": [[0.0, 1.0]] * len(study.streams)}


def _seeds(config: Config) -> Iterator[PlannedRun]:
    yield from _control(config)
    study = config.study
    for base in range(study.bases):
        yield from _replicates(config, POKE, base, ("poke",))
        for stream in study.streams:
            yield from _replicates(config, stream, base, (stream,))
        if len(study.streams) > 1:
            yield from _replicates(config, ALL, base, study.streams)


def _control(config: Config) -> Iterator[PlannedRun]:
    for replicate in range(KILLED + 1):
        yield PlannedRun(CONTROL, 0, replicate, _alone(config), config.train.epochs, killed=replicate == KILLED)


def _replicates(config: Config, arm: str, base: int, streams: tuple[str, ...]) -> Iterator[PlannedRun]:
    """Yields runs of one base seed that differ only in the seeds of `streams`."""
    for replicate in range(config.study.replicates):
        fresh = _seed(config, SEEDS_A_BASE * (base + 1) + replicate)
        fields = {"seed": _seed(config, base)} | {f"seeds.{stream}": fresh for stream in streams}
        yield PlannedRun(arm, base, replicate, replace_fields(_alone(config), fields), config.train.epochs)


def _sobol(config: Config) -> Iterator[PlannedRun]:
    study = config.study
    if study.replicates & (study.replicates - 1):
        raise UserError(f"study.replicates={study.replicates}: a Sobol design takes a power of two, such as 8")
    yield from _control(config)
    yield from _replicates(config, POKE, 0, ("poke",))
    seed = int(Streams(config.seed).split_generator("sobol_design").integers(2**31))
    rows = sobol_design.sample(design_problem(study), study.replicates, calc_second_order=False, seed=seed)
    for number, row in enumerate(rows):
        # One place of the design is one seed, so rows that agree in a column share that stream.
        fields = {f"seeds.{stream}": int(place * 2**31) for stream, place in zip(study.streams, row)}
        yield PlannedRun("sobol", 0, number, replace_fields(_alone(config), fields), config.train.epochs)


def _crossed(config: Config) -> Iterator[PlannedRun]:
    frozen = config.seed if config.seeds.split is None else config.seeds.split
    for fold in range(config.split.folds):
        for replicate in range(config.study.replicates):
            fields = {"split.fold": fold, "seeds.split": frozen, "seed": _seed(config, replicate)}
            yield PlannedRun(f"fold{fold}", 0, replicate, replace_fields(_alone(config), fields), config.train.epochs)


def _arms(config: Config) -> Iterator[PlannedRun]:
    arms = [(REFERENCE, ()), *config.study.arms]
    if len(arms) == 1:
        raise UserError(
            "study.arms is empty: study.kind='arms' compares the experiment with others; see configs/fixes.py"
        )
    names = [name for name, _ in arms]
    for name in names:
        if names.count(name) > 1 or name == CONTROL or not name.replace("_", "").replace(".", "").isalnum():
            raise UserError(
                f"study.arms: '{name}' is taken or invalid; choose another name of letters, digits, '_' and '.'"
            )
    for replicate in range(config.study.replicates):
        for name, fields in arms:
            common = {"seed": _seed(config, replicate)}
            try:
                own = replace_fields(_alone(config), dict(fields) | common)
            except UserError as error:
                raise UserError(f"study.arms: '{name}': {error}") from error
            yield PlannedRun(name, 0, replicate, own, config.train.epochs)


def _alone(config: Config) -> Config:
    """Returns the experiment for `--mode=train`; the weights of all epochs of all runs would fill a disk."""
    train = dataclasses.replace(config.train, keep_weights=False)
    return dataclasses.replace(config, study=StudyConfig(), train=train)


def _seed(config: Config, offset: int) -> int:
    return (config.seed + offset) % 2**32


def describe_run(run: PlannedRun) -> dict[str, Any]:
    """Describes a run in tables: `run arm base replicate seed` and the seeds of the streams."""
    values = to_dict(run.config)
    seeds = {f"seed_{name}": seed for name, seed in values["seeds"].items()}
    return {
        "run": run.name,
        "arm": run.arm,
        "base": run.base,
        "replicate": run.replicate,
        "seed": values["seed"],
        **seeds,
    }
