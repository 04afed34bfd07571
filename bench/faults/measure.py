"""The figures of one run that its fault is judged by, and what its diagnosis says."""

import math
from typing import Any

import numpy as np

from dogjax.eval.curves import jumping
from dogjax.files import read_json
from dogjax.train.workdir import Workdir

# A run's score is the mean over the last quarter of its epochs; its jumping is that of the last half.
SCORED, WATCHED = 4, 2


def measures(workdir: Workdir) -> dict[str, float | None]:
    """Returns `loss` (nats), `accuracy` and `jumping` (nats) of a run; of one that diverged, no loss, no accuracy."""
    result = read_json(workdir.path / "result.json")
    if result["status"] == "diverged":
        return {"loss": None, "accuracy": None, "jumping": None}
    lines = [line["validation"] for line in workdir.read_metrics()]
    losses, accuracies = (np.array([line[name] for line in lines]) for name in ("loss", "accuracy"))
    last, half = math.ceil(len(lines) / SCORED), math.ceil(len(lines) / WATCHED)
    return {
        "loss": float(losses[-last:].mean()),
        "accuracy": float(accuracies[-last:].mean()),
        "jumping": jumping(losses[-half:]),
    }


def said(workdir: Workdir) -> dict[str, Any]:
    """Returns what `diagnosis.json` says: `named`, the causes in order, the `shares` of the switches, and more."""
    diagnosis = read_json(workdir.path / "diagnosis.json")
    shares = {
        name: {"share": judged["alone"], "interval": judged["interval"]}
        for name, judged in diagnosis["switches"].items()
    }
    return {
        "named": [cause["name"] for cause in diagnosis["causes"]],
        "shares": shares,
        "thresholds": diagnosis["thresholds"],
    }
