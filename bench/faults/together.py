"""Faults together: a fractional design of twelve of them, so that each is there in half of the runs.

Plackett & Burman (1946), "The design of optimum multifactorial experiments", Biometrika 33:305: the columns of a
24-run design are orthogonal, so each fault is there with, and without, each other one equally often.
"""

import functools
from typing import Any

import numpy as np

from bench.faults.fault import Fault, Situation
from bench.faults.operators import FAULTS
from dogjax.config import Config, replace_fields

RUNS = 24
_FIRST_ROW = "+++++-+-++--++--+-+----"
# Each with the number of its strength, from 0. One edit of the videos among them: two would not go together.
FACTORS = {
    "changed_labels": 1,
    "imbalance": 1,
    "few_recordings": 0,
    "leaky_split": 2,
    "rate_too_high_sgd": 1,
    "tail_batch": 2,
    "norm_momentum": 1,
    "dropout_before_norm": 1,
    "augmented_validation": 1,
    "weight_decay": 0,
    "input_too_large": 1,
    "few_epochs": 0,
}


def design() -> np.ndarray:
    """Returns bool `[RUNS, factors]`: which faults each run has."""
    first = np.array([sign == "+" for sign in _FIRST_ROW])
    rows = [np.roll(first, shift) for shift in range(RUNS - 1)] + [np.zeros(RUNS - 1, bool)]
    return np.array(rows)[:, : len(FACTORS)]


def faults_of(row: int) -> list[tuple[Fault, Any]]:
    """Returns the faults of a run, and the strength of each."""
    return [
        (FAULTS[name], FAULTS[name].strengths[strength])
        for (name, strength), there in zip(FACTORS.items(), design()[row])
        if there
    ]


def configure(base: Config, row: int) -> Config:
    """Returns the configuration of a run with all faults of its row, on the world's own videos."""
    config = replace_fields(base, {"optim.schedule": "constant", "model.dense": (32, 32)})
    for fault, strength in faults_of(row):
        situation = Situation(config, strength)
        config = replace_fields(config, {**fault.control(situation), **fault.fields(situation)})
    return config


def edit(base: Config, row: int) -> functools.partial[None] | None:
    """Returns what edits the videos of the run; None: they are the world's own."""
    for fault, strength in faults_of(row):
        if fault.edit is not None:
            return functools.partial(fault.edit, Situation(base, strength))
    return None
