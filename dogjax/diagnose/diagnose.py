"""`--mode=diagnose`: measure one run again, name what its curve comes from, and write `diagnosis.json`."""

import dataclasses
from typing import Any

import numpy as np
from scipy.special import softmax
from tqdm import tqdm

from dogjax.config import Config
from dogjax.data.audit import audit_split
from dogjax.diagnose.cartography import Dynamics, training_dynamics
from dogjax.diagnose.causes import rank_causes
from dogjax.diagnose.counterfactual import OVERCONFIDENCE, Counterfactuals, Switches, score_again
from dogjax.diagnose.findings import Findings, describe_frames, describe_input, describe_symptom
from dogjax.diagnose.gallery import choose_sheets
from dogjax.diagnose.label_noise import find_label_errors
from dogjax.diagnose.levels import drops_with_intervals
from dogjax.diagnose.pictures import remove_other_pictures, write_pictures
from dogjax.diagnose.probes import probe_background, probe_without_middle
from dogjax.diagnose.quality import describe_quality
from dogjax.diagnose.shares import shares_with_intervals
from dogjax.diagnose.step_length import measure_step_length
from dogjax.diagnose.verdict import in_words
from dogjax.errors import UserError
from dogjax.eval.curves import von_neumann_volatility
from dogjax.eval.intervals import Groups, group_frames
from dogjax.eval.predictions import read_predictions
from dogjax.files import read_json
from dogjax.train.experiment import Experiment, build_experiment
from dogjax.train.weights import epochs_with_weights, read_weights
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
    findings = _findings(experiment, workdir, found, groups)
    dynamics = training_dynamics(workdir.path, len(workdir.read_metrics()))
    sheets = choose_sheets(
        experiment.table, experiment.split, dynamics, findings.label_errors["errors"], findings.frames["pair"]
    )
    gallery = write_pictures(workdir.path, sheets, experiment.pipeline.images)
    causes = [dataclasses.asdict(cause) | {"override": cause.override} for cause in rank_causes(findings)]
    diagnosis = {
        "symptom": findings.symptom,
        "causes": causes,
        "shares": findings.shares,
        "unexplained": findings.shares["unexplained"]["share"] if findings.shares else None,
        "drops": findings.drops,
        "curves": _curves(found),
        "batch_norm_distance": {name: each.tolist() for name, each in found.distances.items()},
        "frames": findings.frames,
        "background": findings.background,
        "without_middle": findings.without_middle,
        "label_errors": findings.label_errors,
        "quality": _quality(experiment, found, dynamics, groups),
        "step": findings.step,
        "input_scale": findings.input_scale,
        "audit": findings.audit,
        "repeats": _repeats(workdir, found),
        "gallery": gallery,
    }
    workdir.write("diagnosis.json", diagnosis | {"verdict": in_words(diagnosis)})
    remove_other_pictures(workdir.path, gallery)


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


def _findings(experiment: Experiment, workdir: Workdir, found: Counterfactuals, groups: Groups) -> Findings:
    path, draws = workdir.path / "evaluation.json", experiment.streams.numpy
    network = experiment.devices.replicate(read_weights(workdir.path, found.epochs[-1]))
    if experiment.config.model.norm == "batch":
        network = experiment.precise(network)
    best = found.logits[frozenset(found.switches) - {OVERCONFIDENCE}]
    return Findings(
        config=experiment.config,
        symptom=describe_symptom([workdir.read_metrics()[epoch - 1] for epoch in found.epochs], found),
        shares=shares_with_intervals(found, groups, draws("split", 4)),
        drops=drops_with_intervals(found, groups, draws("split", 5)),
        frames=describe_frames(experiment, found),
        audit=audit_split(experiment.table, experiment.split, experiment.config.split),
        background=probe_background(experiment.table, experiment.pipeline.images),
        without_middle=probe_without_middle(experiment, network, groups, draws("split", 6)),
        label_errors=find_label_errors(experiment.validation, softmax(best.astype(np.float64), axis=2).mean(axis=0)),
        step=_step(experiment, workdir, found.epochs[0]),
        input_scale=describe_input(experiment),
        evaluation=read_json(path) if path.exists() else None,
        train_frames=len(experiment.split.train),
        temperature=float(np.mean(found.temperatures)),
    )


def _step(experiment: Experiment, workdir: Workdir, epoch: int) -> dict[str, Any]:
    network = experiment.devices.replicate(read_weights(workdir.path, epoch))
    return measure_step_length(experiment, network, epoch)


def _quality(experiment: Experiment, found: Counterfactuals, dynamics: Dynamics, groups: Groups) -> dict[str, Any]:
    pixels = experiment.pipeline.images.read(experiment.split.validation)
    return describe_quality(
        found.losses[frozenset()].mean(axis=0),
        1 - dynamics.correctness,
        {"sharpness": experiment.validation.sharpness, "brightness": pixels.mean(axis=(1, 2, 3))},
        groups,
        experiment.streams.numpy("split", 7),
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
