"""`--mode=diagnose`: measure one run again, name what its curve comes from, and write `diagnosis.json`."""

import dataclasses
from typing import Any

import numpy as np
from tqdm import tqdm

from dogjax.config import Config, flatten, to_dict
from dogjax.diagnose.attribution import Switches
from dogjax.diagnose.branches import AS_IS, LITTLE_LEFT, MUCH_LEFT, NOTHING_LEFT, REPLICATES, branch, choose, effects
from dogjax.diagnose.causes import judge
from dogjax.diagnose.causes.cause import Cause, Named
from dogjax.diagnose.causes.evidence import CALM_RESCORED, a_switch_takes_most
from dogjax.diagnose.findings import AS_IT_WAS, Findings, is_calm
from dogjax.diagnose.gallery import Sheet, choose_sheets
from dogjax.diagnose.measure import measure
from dogjax.diagnose.overrides import as_flags
from dogjax.diagnose.pictures import remove_other_pictures, write_pictures
from dogjax.diagnose.switches import BATCH_NORM, Rescored, is_pure, score_again
from dogjax.diagnose.thresholds import thresholds_sha256
from dogjax.diagnose.trial import trial_fields
from dogjax.diagnose.verdict import in_words
from dogjax.diagnose.who_jumps import divide_jumps
from dogjax.errors import UserError
from dogjax.eval.curves import jumping, von_neumann_volatility
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
    findings = _branched(experiment, workdir, measure(experiment, workdir, found, groups))
    gallery = write_pictures(workdir.path, _sheets(experiment, findings), experiment.pipeline.images)
    diagnosis = _describe(findings, found) | {
        "who_jumps": divide_jumps(found.losses[frozenset()], frames),
        "repeats": _repeats(workdir, found),
        "gallery": gallery,
    }
    workdir.write("diagnosis.json", diagnosis | {"verdict": in_words(diagnosis)})
    remove_other_pictures(workdir.path, gallery)


def _branched(experiment: Experiment, workdir: Workdir, findings: Findings) -> Findings:
    """Adds what epochs show that are trained again, where the switches leave a question."""
    how = experiment.config.diagnose.branches
    if how == "off":
        return dataclasses.replace(findings, no_branches="diagnose.branches=off: no epoch was trained again")
    if how == "auto" and is_calm(findings.symptom):
        return dataclasses.replace(findings, no_branches="the curve is calm, so no epoch was trained again")
    left = NOTHING_LEFT if findings.calm_rescored else LITTLE_LEFT if a_switch_takes_most(findings) else MUCH_LEFT
    chosen = choose(experiment, how, left)
    if not chosen:
        return dataclasses.replace(findings, no_branches=f"{CALM_RESCORED}, so no epoch was trained again")
    material = Material(experiment.prepared, experiment.table, experiment.pipeline.images)
    with tqdm(total=REPLICATES * len(chosen), desc="training epochs again", unit=" epochs", disable=None) as bar:
        ends = branch(experiment, workdir, material, chosen, bar.update)
    if ends is None:
        why = "no checkpoint of the end of an epoch is left, so no epoch could be trained again"
        return dataclasses.replace(findings, no_branches=why)
    if AS_IS not in ends:
        why = "an epoch that is trained again as it is diverges, so no change can be held against it"
        return dataclasses.replace(findings, no_branches=why)
    return dataclasses.replace(findings, branches=effects(ends), ends=ends)


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
    errors = findings.label_errors["errors"]
    pair = list(next(iter(findings.confusion.pairs), findings.confusion.names[:2]))
    return choose_sheets(experiment.table, experiment.split, findings.dynamics, errors, pair)


def _describe(findings: Findings, found: Rescored) -> dict[str, Any]:
    """What was found, ready for JSON."""
    account = judge(findings)
    causes = [_describe_named(cause, answer, findings.config) for cause, answer in account.named]
    trial = trial_fields(findings.config, causes)
    return {
        "symptom": findings.symptom,
        "causes": causes,
        "cleared": [{"name": cause.name, "evidence": answer.evidence} for cause, answer in account.cleared],
        "not_testable": [{"name": cause.name, "why": answer.why} for cause, answer in account.not_testable],
        "trial": f"--mode=study {as_flags(trial)}" if trial else None,
        "learning": dataclasses.asdict(findings.learning),
        "sides": dataclasses.asdict(findings.sides),
        "switches": {name: dataclasses.asdict(each) for name, each in (findings.attributions or {}).items()},
        "stages": findings.stage_jumping,
        "stage_loss": findings.stage_loss,
        "temperature": findings.temperature,
        "branches": {name: dataclasses.asdict(each) for name, each in (findings.branches or {}).items()},
        "ends": {name: dataclasses.asdict(each) for name, each in (findings.ends or {}).items()},
        "curves": _curves(found),
        "batch_norm_distance": {name: each.tolist() for name, each in found.distances.items()},
        "confusion": {"classes": list(findings.confusion.names), "shares": findings.confusion.shares.tolist()},
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


def _describe_named(cause: Cause, answer: Named, config: Config) -> dict[str, Any]:
    """What is said of a named cause; of its change only what the run does not have already."""
    has = dict(flatten(to_dict(config)))
    fix = {field: value for field, value in answer.fix.items() if value != has[field]}
    described = {"name": cause.name, "plain": cause.plain, "amplifies": cause.is_amplifier} | dataclasses.asdict(answer)
    return described | {"explains": answer.explains or cause.explains, "fix": fix, "override": as_flags(fix)}


def _curves(found: Rescored) -> dict[str, Any]:
    """The loss of each epoch as it was, with each switch (and what it needs), and with all of them."""
    sets: dict[str, Switches] = {AS_IT_WAS: frozenset()}
    for name in found.switches:
        on = frozenset({name})
        sets[name] = on if is_pure(on, found.switches) else on | {BATCH_NORM}
    sets["all"] = frozenset(found.switches)
    curves = {name: found.curve(on) for name, on in sets.items()}
    return {
        "epochs": found.epochs,
        "loss": {name: curve.tolist() for name, curve in curves.items()},
        "volatility": {name: von_neumann_volatility(curve) for name, curve in curves.items()},
        "jumping": {name: jumping(curve) for name, curve in curves.items()},
    }


def _repeats(workdir: Workdir, found: Rescored) -> bool:
    """Whether the curve as it was came out again to the bit; if not, the machine or a package is another one."""
    kept = epochs_with_predictions(workdir.path)
    again = [(epoch, logits) for epoch, logits in zip(found.epochs, found.logits[frozenset()]) if epoch in kept]
    return all(np.array_equal(read_predictions(workdir.path, epoch).logits, logits) for epoch, logits in again)
