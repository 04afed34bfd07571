"""Where a run goes on: the newest sound checkpoint, if it is one of these data."""

from typing import Any

from tqdm import tqdm

from dogjax.errors import UserError
from dogjax.train.checkpoints import Checkpoints
from dogjax.train.experiment import Experiment
from dogjax.train.state import TrainState


def restore_state(
    experiment: Experiment, checkpoints: Checkpoints, last_step: int
) -> tuple[TrainState | None, list[dict[str, Any]]]:
    """The state to go on from, on the devices, and the environments that it was trained in.

    Args:
      experiment: the run as it is configured now.
      checkpoints: of the run.
      last_step: later checkpoints are not looked at.

    Returns:
      Null and no environments where there is no checkpoint.

    Raises:
      UserError: the frames or the split are not those of the checkpoint, or no checkpoint is sound.
    """
    state, identity, notes = checkpoints.restore(experiment.initial_state(), last_step)
    if state is None:
        return None, []
    for note in notes:
        tqdm.write(note)
    if (identity["data"], identity["split"]) != (experiment.prepared.fingerprint, experiment.split_sha256):
        raise UserError(
            f"{checkpoints.folder}: the frames or their split are not those that the run was trained on; put the data "
            "back, or name a new --workdir"
        )
    return experiment.devices.replicate(state), identity["segments"]
