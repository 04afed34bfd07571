"""`--mode=diagnose`: measure one run again, name what its curve comes from, and write `diagnosis.json`."""

import dataclasses
from typing import Any

import numpy as np
from tqdm import tqdm

from dogjax.config import Config
from dogjax.diagnose.causes import rank_causes
from dogjax.diagnose.counterfactual import Counterfactuals, Switches, score_again
from dogjax.diagnose.findings import Findings
from dogjax.diagnose.gallery import Sheet, choose_sheets
from dogjax.diagnose.measure import measure
from dogjax.diagnose.overrides import as_flags
from dogjax.diagnose.pictures import remove_other_pictures, write_pictures
from dogjax.diagnose.thresholds import thresholds_sha256
from dogjax.diagnose.trial import trial_fields
from dogjax.diagnose.verdict import in_words
from dogjax.errors import UserError
from dogjax.eval.curves import von_neumann_volatility
from dogjax.eval.intervals import group_frames
from dogjax.eval.predictions import epochs_with_predictions, read_predictions
from dogjax.files import read_json
from dogjax.train.experiment import Experiment, Material, build_experiment
from dogjax.train.state import epochs_with_weights
from dogjax.train.workdir import Workdir

# The last epochs, one after the other, that are scored again: enough for a curve, at two minutes rather than eight.
MOST_EPOCHS = 20
FEWEST_EPOCHS = 4


def diagnose_workdir(workdir: Workdir, config: Config | None, material: Material | None = None) -> None:
    """Explains the validation curve of the run in `workdir`, finished or not, and writes `diagnosis.json`.

    Nothing else in the folder is changed, so a run that is being trained there goes on undisturbed.

    Args:
      workdir: of the run.
      config: the run's configuration, where its data lie elsewhere by now; None: as it was trained.
      material: its frames, where they are loaded already.

    Raises:
      UserError: the folder holds no run, too few epochs of one, or none whose weights were kept; or the data are
        not the same any more.
    """
    saved = workdir.saved_config()
    if config is not None:
        workdir.check_config(config)
    epochs = _epochs(workdir)
    experiment = _experiment(workdir, config or saved, material)
    frames = experiment.validation
    groups = group_frames(
        frames.label, frames.recording, frames.time, frames.label_names, experiment.split.block_seconds
    )
    with tqdm(total=len(epochs), desc="scoring again", unit=" epochs", disable=None) as bar:
        found = score_again(experiment, workdir.path, epochs, groups, bar.update)
    findings = measure(experiment, workdir, found, groups)
    gallery = write_pictures(workdir.path, _sheets(experiment, findings), experiment.pipeline.images)
    diagnosis = _describe(findings, found) | {"repeats": _repeats(workdir, found), "gallery": gallery}
    workdir.write("diagnosis.json", diagnosis | {"verdict": in_words(diagnosis)})
    remove_other_pictures(workdir.path, gallery)


def _experiment(workdir: Workdir, config: Config, material: Material | None) -> Experiment:
    """The run's own, on the same frames in the same split."""
    experiment = build_experiment(config, material)
    if experiment.split_sha256 != read_json(workdir.path / "split.json")["sha256"]:
        raise UserError(
            f"--workdir={workdir.path}: the frames or their split are not those of the run; put the data back"
        )
    return experiment


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


def _sheets(experiment: Experiment, findings: Findings) -> list[Sheet]:
    errors, pair = findings.label_errors["errors"], findings.frames["pair"]
    return choose_sheets(experiment.table, experiment.split, findings.dynamics, errors, pair)


def _describe(findings: Findings, found: Counterfactuals) -> dict[str, Any]:
    """What was found, ready for JSON."""
    causes = rank_causes(findings)
    trial = trial_fields(findings.config, causes)
    return {
        "symptom": findings.symptom,
        "causes": [dataclasses.asdict(cause) | {"override": cause.override} for cause in causes],
        "trial": f"--mode=study {as_flags(trial)}" if trial else None,
        "shares": findings.shares,
        "unexplained": findings.shares["unexplained"]["share"] if findings.shares else None,
        "drops": findings.drops,
        "curves": _curves(found),
        "batch_norm_distance": {name: each.tolist() for name, each in found.distances.items()},
        "frames": findings.frames,
        "background": findings.background,
        "without_middle": findings.without_middle,
        "label_errors": findings.label_errors,
        "quality": findings.quality,
        "step": findings.step,
        "input_scale": findings.input_scale,
        "audit": findings.audit,
        "thresholds": thresholds_sha256(),
        "unit": findings.unit,
        "no_intervals": findings.no_intervals,
    }


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
    """Whether the curve as it was came out again to the bit; if not, the machine or a package is another one."""
    kept = epochs_with_predictions(workdir.path)
    again = [(epoch, logits) for epoch, logits in zip(found.epochs, found.logits[frozenset()]) if epoch in kept]
    return all(np.array_equal(read_predictions(workdir.path, epoch).logits, logits) for epoch, logits in again)
