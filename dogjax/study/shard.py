"""One process's part of a study: the control first, and the rest only if it holds."""

import pathlib

from dogjax.config import Config
from dogjax.errors import UserError
from dogjax.files import read_json
from dogjax.interrupt import Interrupt
from dogjax.study.execute import execute
from dogjax.study.outcome import Outcome, read_outcomes
from dogjax.study.plan import CONTROL, in_shard, plan_runs
from dogjax.study.table import LiveTable
from dogjax.train.loop import are_vmapped


def run_shard(config: Config, folder: pathlib.Path, deadline: float) -> None:
    """Runs what is left of the shard that `study.shard` names, the control first.

    Raises:
      UserError, Stopped: as `run_study`.
    """
    mine = in_shard(plan_runs(config), config.study.shard)
    control = [run for run in mine if run.arm == CONTROL]
    with Interrupt() as interrupt, LiveTable(mine, folder) as table:
        for part in (control, [run for run in mine if run.arm != CONTROL]):
            # The run that is killed trains alone, so where the width counts, the others of the control do too.
            width = 1 if part is control and are_vmapped() else config.study.width
            execute(part, folder, width, interrupt, deadline, table.update)
            if part is control and control:
                _check_control(read_outcomes(folder, control)[0])


def _check_control(outcomes: list[Outcome]) -> None:
    for each in outcomes:
        if not each.finished:
            found = read_json(each.folder / "nonfinite.json")
            raise UserError(
                f"{each.folder}: the control, which is the experiment as it is, diverged: {found['what']} at step "
                f"{found['step']} (epoch {found['epoch']}); lower optim.learning_rate or set optim.clip_norm, in a new "
                "workdir"
            )
    first, *others = outcomes
    for other in others:
        if first.bits() == other.bits():
            continue
        lines = [line for line, same in zip(first.metrics, other.metrics) if line != same]
        where = f"from epoch {lines[0]['epoch']} on" if lines else "in the weights alone"
        raise UserError(
            f"{first.folder} and {other.folder}: two runs of one identity differ {where}, so this machine does not "
            "repeat a run and the spread of others would mean nothing; compare their environment.json, and report it"
        )
