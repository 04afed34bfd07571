"""Maps the frames of a study: which are hard with every seed, and which the seed decides."""

import numpy as np

from dogjax.config import Config
from dogjax.data.table import FrameTable
from dogjax.diagnose.cartography import Tally
from dogjax.diagnose.gallery import choose_sheets_of_study
from dogjax.diagnose.pictures import remove_other_pictures, write_pictures
from dogjax.errors import UserError
from dogjax.study.outcome import Outcome, read_outcomes
from dogjax.study.plan import CONTROL, REFERENCE, PlannedRun, plan_runs
from dogjax.train.experiment import load_material
from dogjax.train.workdir import Workdir

FEWEST_RUNS = 2


def map_frames(workdir: Workdir, config: Config | None) -> None:
    """Maps all frames over the runs of the study in `workdir`; writes `cartography.json` and `gallery/`.

    Only runs that differ in nothing but their seeds and the fold count.

    Args:
      workdir: of the study.
      config: the study's configuration, if its data are elsewhere by now; None: as it was.

    Raises:
      UserError: fewer than two such runs have finished, or the data are not the same any more.
    """
    saved = workdir.saved_config()
    if config is not None:
        workdir.check_config(config)
    config = config or saved
    outcomes = [each for each in read_outcomes(workdir.path, counted_runs(config))[0] if each.finished]
    if len(outcomes) < FEWEST_RUNS:
        raise UserError(
            f"--workdir={workdir.path}: {len(outcomes)} runs of the experiment as it is have finished, and a map of "
            f"the frames takes {FEWEST_RUNS}; go on with --mode=study first"
        )
    material = load_material(config.data)
    tally = _tally(material.table, outcomes, config.train.epochs, workdir)
    dynamics = tally.dynamics()
    sheets = choose_sheets_of_study(material.table, tally.frames, dynamics)
    gallery = write_pictures(workdir.path, sheets, material.images)
    frames = material.table.take(tally.frames)
    columns = {
        "frame_id": frames.frame_id,
        "label": np.array(frames.label_names)[frames.label],
        "runs": tally.networks,
        "confidence": dynamics.confidence,
        "variability": dynamics.variability,
        "correctness": dynamics.correctness,
        "called": np.array(frames.label_names)[dynamics.called],
    }
    found = {name: values.tolist() for name, values in columns.items()}
    workdir.write("cartography.json", {"runs": len(outcomes), "frames": found, "gallery": gallery})
    remove_other_pictures(workdir.path, gallery)


def counted_runs(config: Config) -> list[PlannedRun]:
    """Lists the runs of the unchanged experiment, without the control, whose runs are all the same."""
    if config.study.kind == "arms":
        return [run for run in plan_runs(config) if run.arm == REFERENCE]
    return [run for run in plan_runs(config) if run.arm != CONTROL]


def _tally(table: FrameTable, outcomes: list[Outcome], epoch: int, workdir: Workdir) -> Tally:
    tally = Tally(table.label, len(table.label_names))
    numbers = {str(name): number for number, name in enumerate(table.frame_id)}
    for outcome in outcomes:
        found = outcome.predictions(epoch)
        try:
            frames = np.array([numbers[str(name)] for name in found.frame_id])
        except KeyError as error:
            raise UserError(
                f"--workdir={workdir.path}: frame {error} is not among the data any more; put them back"
            ) from error
        tally.add(frames, found.logits)
    return tally
