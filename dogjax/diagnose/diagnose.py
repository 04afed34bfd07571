"""`--mode=diagnose`: measure one run again, name what its curve comes from, and write `diagnosis.json`."""

import dataclasses
from typing import Any

import numpy as np
from tqdm import tqdm

from dogjax.config import Config
from dogjax.data.audit import audit_split
from dogjax.diagnose.causes import rank_causes
from dogjax.diagnose.counterfactual import Counterfactuals, Switches, score_again
from dogjax.diagnose.findings import Findings, describe_frames, describe_symptom
from dogjax.diagnose.probes import probe_background
from dogjax.diagnose.shares import shares_with_intervals
from dogjax.diagnose.verdict import in_words
from dogjax.errors import UserError
from dogjax.eval.curves import von_neumann_volatility
from dogjax.eval.intervals import group_frames
from dogjax.eval.predictions import read_predictions
from dogjax.files import read_json
from dogjax.train.experiment import Experiment, build_experiment
from dogjax.train.weights import epochs_with_weights
from dogjax.train.workdir import Workdir

# The last epochs, one after the other, that are scored again: enough for a curve, at two minutes rather than eight.
MOST_EPOCHS = 20
FEWEST_EPOCHS = 4


def diagnose_workdir(workdir: Workdir, config: Config | None) -> None:
    """Explains the validation curve of the run in `workdir`, finished or not, and writes `diagnosis.json`.

    Nothing else in the folder is changed, so a run that is being trained there goes on undisturbed.

    Args:
      workdir: of the run.
      config: the run's configuration, where its data lie elsewhere by now; null: as it was trained.

    Raises:
      UserError: the folder holds no run, too few epochs of one, or none whose weights were kept; or the data are
        not the same any more.
    """
    saved = workdir.saved_config()
    if config is not None:
        workdir.check_config(config)
    epochs = _epochs(workdir)
    experiment = build_experiment(config or saved)
    if experiment.split_sha256 != read_json(workdir.path / "split.json")["sha256"]:
        raise UserError(
            f"--workdir={workdir.path}: the frames or their split are not those of the run; put the data back"
        )
    frames = experiment.validation
    groups = group_frames(frames.label, frames.recording, frames.time, frames.label_names)
    with tqdm(total=len(epochs), desc="scoring again", unit=" epochs", disable=None) as bar:
        found = score_again(experiment, workdir.path, epochs, groups, bar.update)
    shares = shares_with_intervals(found, groups, experiment.streams.numpy("split", 4))
    findings = _findings(experiment, workdir, found, shares)
    causes = [dataclasses.asdict(cause) | {"override": cause.override} for cause in rank_causes(findings)]
    diagnosis = {
        "symptom": findings.symptom,
        "causes": causes,
        "shares": shares,
        "unexplained": shares["unexplained"]["share"] if shares else None,
        "curves": _curves(found),
        "frames": findings.frames,
        "background": findings.background,
        "audit": findings.audit,
        "repeats": _repeats(workdir, found),
    }
    workdir.write("diagnosis.json", diagnosis | {"verdict": in_words(diagnosis)})


def _epochs(workdir: Workdir) -> list[int]:
    """The last epochs that have metrics and weights, without a gap."""
    lines, kept = len(workdir.read_metrics()), set(epochs_with_weights(workdir.path))
    epochs: list[int] = []
    for epoch in range(lines, 0, -1):
        if epoch not in kept or len(epochs) == MOST_EPOCHS:
            break
        epochs.insert(0, epoch)
    if len(epochs) < FEWEST_EPOCHS:
        raise UserError(
            f"--workdir={workdir.path}: {lines} epochs are trained and the weights of the last {len(epochs)} are kept; "
            f"a diagnosis takes {FEWEST_EPOCHS}: train on, with train.keep_weights=true"
        )
    return epochs


def _findings(
    experiment: Experiment, workdir: Workdir, found: Counterfactuals, shares: dict[str, Any] | None
) -> Findings:
    path = workdir.path / "evaluation.json"
    return Findings(
        config=experiment.config,
        symptom=describe_symptom([workdir.read_metrics()[epoch - 1] for epoch in found.epochs], found),
        shares=shares,
        frames=describe_frames(experiment, found),
        audit=audit_split(experiment.table, experiment.split, experiment.config.split),
        background=probe_background(experiment.table, experiment.pipeline.images),
        evaluation=read_json(path) if path.exists() else None,
        train_frames=len(experiment.split.train),
        temperature=float(np.mean(found.temperatures)),
    )


def _curves(found: Counterfactuals) -> dict[str, Any]:
    """The loss of each epoch as it was, with each switch alone, and with all of them."""
    sets: dict[str, Switches] = {"as_it_was": frozenset(), **{name: frozenset({name}) for name in found.switches}}
    sets["all"] = frozenset(found.switches)
    curves = {name: found.curve(on) for name, on in sets.items()}
    return {
        "epochs": found.epochs,
        "loss": {name: curve.tolist() for name, curve in curves.items()},
        "volatility": {name: von_neumann_volatility(curve) for name, curve in curves.items()},
    }


def _repeats(workdir: Workdir, found: Counterfactuals) -> bool:
    """Whether the curve as it was came out again to the bit: else the machine, or a package, is another one."""
    again = zip(found.epochs, found.logits[frozenset()])
    return all(np.array_equal(read_predictions(workdir.path, epoch).logits, logits) for epoch, logits in again)
