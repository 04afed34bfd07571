"""Plans a study, runs or resumes it, and writes its results: `--mode=study`."""

import csv
import io
import pathlib
from typing import Any

import numpy as np

from dogjax.config import Config, to_dict
from dogjax.errors import UserError
from dogjax.files import write_json, write_text
from dogjax.prng import Streams
from dogjax.study import analysis, verdict
from dogjax.study.outcome import Outcome, read_outcomes
from dogjax.study.plan import ALL, CONTROL, POKE, REFERENCE, PlannedRun, describe_run, plan_runs
from dogjax.study.shards import run_shard, submit_shards
from dogjax.train.loop import deadline_of
from dogjax.train.workdir import Workdir


def run_study(config: Config, workdir: Workdir) -> None:
    """Runs the rest of the study, or of its shard, and writes `runs.csv` and `study.json` from the runs that ended.

    Raises:
      UserError: the folder, the data or the configuration do not allow it; or the control's runs differ.
      Stopped: after a signal, or when `train.max_minutes` are over; nothing that is finished is repeated.
    """
    runs = plan_runs(config)
    deadline = deadline_of(config)
    with workdir.shared():
        if (workdir.path / "metrics.jsonl").exists():
            raise UserError(f"--workdir={workdir.path}: holds a run; name another folder for the study")
        workdir.check_config(config)
        workdir.write("config.json", to_dict(config))
        try:
            if config.study.submit != "no":
                submit_shards(config, workdir.path)
            else:
                run_shard(config, workdir.path, deadline)
        except UserError:
            if not is_study(workdir):  # refused before its first run: the folder is free for a corrected one
                (workdir.path / "config.json").unlink(missing_ok=True)
            raise
        gather(config, runs, workdir.path)


def gather(config: Config, runs: list[PlannedRun], folder: pathlib.Path) -> dict[str, Any]:
    """Writes `runs.csv` and `study.json` from the runs that have ended."""
    outcomes, missing = read_outcomes(folder, runs)
    write_text(folder / "runs.csv", _table(outcomes))
    study = describe_study(config, outcomes, missing)
    write_json(folder / "study.json", study)
    return study


def is_study(workdir: Workdir) -> bool:
    """Whether the folder holds the runs of a study."""
    return (workdir.path / "runs").is_dir()


def gather_workdir(workdir: Workdir) -> None:
    """Joins the runs that the shards of the study in `workdir` have finished.

    Raises:
      UserError: the folder holds no study.
    """
    config = workdir.saved_config()
    gather(config, plan_runs(config), workdir.path)


def describe_study(config: Config, outcomes: list[Outcome], missing: list[str]) -> dict[str, Any]:
    """Computes the content of `study.json`: no clock, no path, nothing that depends on the order of the runs."""
    epochs = config.train.epochs
    arms = analysis.by_arm(outcomes)
    rng = Streams(config.seed).split_generator("study")
    study: dict[str, Any] = {
        "kind": config.study.kind,
        "epochs": epochs,
        "runs": len(outcomes),
        "missing": missing,
        "arms": {name: analysis.describe_arm(each, epochs, rng) for name, each in arms.items()},
    }
    parts = {"seeds": _seeds, "sobol": _sobol, "crossed": _crossed, "arms": _arms}
    study |= parts[config.study.kind](config, arms, rng)
    return study | {"verdict": verdict.in_words(study)}


def _seeds(config: Config, arms: dict[str, list[Outcome]], rng: np.random.Generator) -> dict[str, Any]:
    study: dict[str, Any] = {"control": _control(arms)}
    varied = [name for name in (*config.study.streams, ALL) if name in arms]
    if POKE not in arms:
        return study
    lengths = {}
    for epoch in analysis.compared_epochs(config.study.lengths, config.train.epochs):
        against = analysis.against_floor(arms, POKE, varied, epoch)
        spreads = {name: analysis.describe_spread(arms[name], epoch) for name in (POKE, *varied)}
        lengths[str(epoch)] = {name: each | {"against_poke": against.get(name)} for name, each in spreads.items()}
    last = lengths[str(config.train.epochs)]
    return study | {"lengths": lengths, "against_poke": {name: last[name]["against_poke"] for name in varied}}


def _sobol(config: Config, arms: dict[str, list[Outcome]], rng: np.random.Generator) -> dict[str, Any]:
    study: dict[str, Any] = {"control": _control(arms)}
    rows = arms.get("sobol", [])
    if len(rows) < config.study.replicates * (len(config.study.streams) + 2) or POKE not in arms:
        return study | {"sobol": None}
    return study | {"sobol": analysis.sobol_shares(rows, arms[POKE], config.study, config.train.epochs, rng)}


def _crossed(config: Config, arms: dict[str, list[Outcome]], rng: np.random.Generator) -> dict[str, Any]:
    folds, replicates = config.split.folds, config.study.replicates
    return {"components": analysis.crossed_components(arms, folds, replicates, config.train.epochs, rng)}


def _arms(config: Config, arms: dict[str, list[Outcome]], rng: np.random.Generator) -> dict[str, Any]:
    epochs, others = config.train.epochs, [name for name in arms if name != REFERENCE]
    pairs = {name: analysis.compare_pairs(arms.get(REFERENCE, []), arms[name], epochs, rng) for name in others}
    against = analysis.adjust_pairs(pairs)
    for name, each in against.items():
        each["one_class"] = analysis.count_one_class(arms[name], epochs)
        each["fixed"] = analysis.is_fixed(each)
    return {"against_reference": against, "capacity": analysis.smallest_enough(arms, epochs)}


def _control(arms: dict[str, list[Outcome]]) -> dict[str, Any]:
    outcomes = arms.get(CONTROL, [])
    return {
        "runs": len(outcomes),
        "identical": analysis.are_identical(outcomes),
        "killed": sum(each.was_killed for each in outcomes),
    }


def _table(outcomes: list[Outcome]) -> str:
    """Writes the text of `runs.csv`: one row for each run that has ended."""
    rows = []
    for each in outcomes:
        last = each.metrics[-1] if each.metrics else {"epoch": 0, "train": {}, "validation": {}}
        rows.append(
            describe_run(each.run)
            | {
                "status": each.status,
                "epoch": last["epoch"],
                "train_loss": last["train"].get("loss"),
                "accuracy": last["validation"].get("accuracy"),
                "loss": last["validation"].get("loss"),
                "volatility": each.volatility,
                "state_sha256": each.state_sha256,
            }
        )
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["run"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
