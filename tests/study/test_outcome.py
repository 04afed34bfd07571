"""Runs of other lengths are measured on a common clock."""

import dataclasses
import pathlib

import numpy as np
import pytest

from dogjax.config import Config, replace_fields
from dogjax.errors import UserError
from dogjax.eval.curves import von_neumann_volatility
from dogjax.study.outcome import Outcome
from dogjax.study.plan import PlannedRun

LOSSES = [3.0, 1.0, 2.5, 1.5, 2.0, 1.8, 1.7, 1.9]


def outcome(epochs, study_epochs, losses=LOSSES):
    config = replace_fields(Config(), {"train.epochs": epochs})
    metrics = [{"epoch": epoch, "validation": {"loss": loss}} for epoch, loss in enumerate(losses, 1)]
    run = PlannedRun("arm", 0, 0, config, study_epochs)
    return Outcome(run, pathlib.Path("nowhere"), "finished", "", metrics, was_killed=False, parameters=1)


@pytest.mark.parametrize(
    ("study_epochs", "seen"),
    [(8, LOSSES), (4, LOSSES[1::2]), (16, LOSSES)],
)
def test_the_volatility_is_from_one_epoch_of_the_study_to_the_next(study_epochs, seen):
    assert outcome(8, study_epochs).volatility == von_neumann_volatility(np.array(seen)) is not None


def test_a_curve_that_ends_early_is_measured_as_far_as_it_goes():
    short = dataclasses.replace(outcome(8, 4, LOSSES[:6]), status="diverged")
    assert short.volatility == von_neumann_volatility(np.array(LOSSES[1:6:2])) is not None


@pytest.mark.parametrize("damaged", [False, True])
def test_predictions_that_are_gone_or_damaged_are_a_mistake_that_names_the_run(tmp_path, damaged):
    if damaged:
        (tmp_path / "predictions").mkdir()
        (tmp_path / "predictions/epoch_0008.npz").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"of epoch 8 are damaged or missing; remove this folder, and --mode=study"):
        dataclasses.replace(outcome(8, 4), folder=tmp_path).predictions(4)
