"""Measures a run: from its networks, scored again, to the findings that its causes are judged by."""

from typing import Any

import numpy as np

from dogjax.config import replace_fields
from dogjax.data.audit import audit_split
from dogjax.data.pixels import measure_scaling
from dogjax.diagnose.attribution import attribute
from dogjax.diagnose.cartography import Dynamics, training_dynamics
from dogjax.diagnose.confusion import count_confusion
from dogjax.diagnose.findings import AS_IT_WAS, Findings, is_calm
from dogjax.diagnose.honest_split import BY_BACKGROUND, find_honest_split, leaky_share, split_if_allowed
from dogjax.diagnose.label_noise import find_label_errors
from dogjax.diagnose.learning import measure_learning
from dogjax.diagnose.out_of_fold import predict_out_of_fold
from dogjax.diagnose.probes import no_probe, probe_background, probe_without_middle
from dogjax.diagnose.quality import describe_quality
from dogjax.diagnose.sides import compare_sides
from dogjax.diagnose.step_length import measure_step_length
from dogjax.diagnose.switches import AVERAGED_EPOCHS, BATCH_NORM, CLEAN, LAST_ITERATE, Rescored
from dogjax.eval import curves
from dogjax.eval.intervals import Groups, too_few_groups
from dogjax.eval.metrics import predicts_one_class
from dogjax.train.experiment import Experiment
from dogjax.train.state import Variables, epochs_with_weights, read_weights
from dogjax.train.workdir import Workdir

# Frames that are in memory at once.
CHUNK = 256


def measure(experiment: Experiment, workdir: Workdir, found: Rescored, groups: Groups) -> Findings:
    """Everything that is found out about a run, none of it by training.

    Args:
      experiment: the run.
      workdir: of the run.
      found: its last epochs, scored again.
      groups: of the validation frames.
    """
    config, draws, metrics = experiment.config, experiment.streams.split_generator, workdir.read_metrics()
    first, last = (_network(experiment, workdir, found.epochs[end]) for end in (0, -1))
    precise = experiment.precise(last) if config.model.norm == "batch" else last
    early = _network(experiment, workdir, _early_epoch(workdir, len(metrics)))
    early = experiment.precise(early) if config.model.norm == "batch" else early
    dynamics = training_dynamics(workdir.path, len(metrics))
    audit = audit_split(experiment.table, experiment.split, config.split)
    honest = find_honest_split(experiment.table, config, experiment.streams) if leaky_share(audit) else None
    by_background = replace_fields(config, BY_BACKGROUND)
    return Findings(
        config=config,
        symptom=_symptom(
            [metrics[epoch - 1] for epoch in found.epochs],
            found.logits[frozenset()][-1].argmax(axis=1),
            experiment.validation.label,
        ),
        learning=measure_learning(metrics, experiment, found),
        sides=compare_sides(experiment, draws("diagnosis_sides")),
        attributions=attribute(found.switches, found.losses, _needs(found), groups, draws("diagnosis_shares")),
        calm_rescored=is_calm(_extent(found.curve(frozenset(found.switches) - {LAST_ITERATE}))),
        stage_jumping={name: curves.jumping(curve) or 0.0 for name, curve in _stages(found).items()},
        stage_loss={name: float(curve.mean()) for name, curve in _stages(found).items()},
        temperature=found.temperature,
        cooled_part=_part(found.curve(frozenset()), found.cooled.mean(axis=1)),
        updates=metrics[found.epochs[-1] - 1]["step"] // config.optim.accumulate,
        average_decay=_decay(experiment),
        branches=None,
        no_branches="no epoch was trained again; give diagnose.branches=all",
        ends=None,
        confusion=count_confusion(
            found.logits[frozenset()].argmax(axis=2), experiment.validation.label, experiment.validation.label_names
        ),
        audit=audit,
        honest_split=honest,
        splits_by_background=split_if_allowed(experiment.table, by_background, experiment.streams) is not None,
        background=no_probe("the network sees no border")
        if config.data.mask == "border"
        else probe_background(experiment.table, experiment.pipeline.images),
        without_middle=probe_without_middle(experiment, precise, groups, draws("diagnosis_middle")),
        label_errors=find_label_errors(experiment.table, predict_out_of_fold(experiment, early)),
        quality=_quality(experiment, found, dynamics, groups),
        dynamics=dynamics,
        step=measure_step_length(experiment, first, found.epochs[0]),
        input_scale=_input_scale(experiment),
        evaluation=workdir.read_evaluation(),
        train_frames=len(experiment.split.train),
        unit=groups.unit,
        no_intervals=too_few_groups(groups),
    )


def _needs(found: Rescored) -> dict[str, str]:
    return {LAST_ITERATE: BATCH_NORM} if BATCH_NORM in found.switches else {}


def _part(before: np.ndarray, after: np.ndarray) -> float:
    """Returns the part of a curve's jumping that is gone in another."""
    jumps = curves.jumping(before)
    return 1 - (curves.jumping(after) or 0.0) / jumps if jumps else 0.0


def _stages(found: Rescored) -> dict[str, np.ndarray]:
    """Returns the curve as it was and with BatchNorm's statistics measured anew, by stage; empty without any."""
    if CLEAN not in found.stages:
        return {}
    losses = {AS_IT_WAS: found.losses[frozenset()]} | found.stages
    return {name: each.mean(axis=1) for name, each in losses.items()}


def _decay(experiment: Experiment) -> float:
    """Returns the decay of a moving average that remembers as many steps as `AVERAGED_EPOCHS` epochs have."""
    return float(round(1 - 1 / (AVERAGED_EPOCHS * experiment.pipeline.steps_per_epoch), 4))


def _network(experiment: Experiment, workdir: Workdir, epoch: int) -> Variables:
    return experiment.devices.replicate(read_weights(workdir.path, epoch))


def _early_epoch(workdir: Workdir, epochs: int) -> int:
    """The first that is kept after a sixth of the run: wrong labels are learnt last (Arpit et al. 2017, ICML)."""
    return next(epoch for epoch in epochs_with_weights(workdir.path) if epoch >= epochs / 6)


def _quality(experiment: Experiment, found: Rescored, dynamics: Dynamics, groups: Groups) -> dict[str, Any]:
    chunks = np.array_split(experiment.split.validation, -(-len(experiment.validation) // CHUNK))
    brightness = [experiment.pipeline.images.read(chunk).mean(axis=(1, 2, 3)) for chunk in chunks]
    return describe_quality(
        found.losses[frozenset()].mean(axis=0),
        1 - dynamics.correctness,
        {"sharpness": experiment.validation.sharpness, "brightness": np.concatenate(brightness)},
        groups,
        experiment.streams.split_generator("diagnosis_quality"),
    )


def _symptom(metrics: list[dict[str, Any]], predictions: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """The measures of the curve over the scored epochs.

    Args:
      metrics: the lines of `metrics.jsonl` of these epochs.
      predictions: int `[frames]`, those of the last epoch.
      labels: int `[frames]`.
    """
    losses = np.array([line["validation"]["loss"] for line in metrics])
    train = np.array([line["train"]["loss"] for line in metrics])
    accuracies = np.array([line["validation"]["accuracy"] for line in metrics])
    return _extent(losses) | {
        "epochs": [metrics[0]["epoch"], metrics[-1]["epoch"]],
        "robust_volatility": curves.robust_volatility(losses),
        "oscillation": curves.oscillation(losses),
        "spike_share": curves.spike_share(losses),
        "drawdown": curves.drawdown(accuracies),
        "train_volatility": curves.von_neumann_volatility(train),
        "train_loss": float(train[-1]),
        "accuracy": float(accuracies[-1]),
        "predicts_one_class": predicts_one_class(predictions, labels),
    }


def _extent(losses: np.ndarray) -> dict[str, Any]:
    """Measures how far a curve moves: float `[epochs]`."""
    return {
        "jumping": curves.jumping(losses),
        "relative_jumping": curves.relative_jumping(losses),
        "volatility": curves.von_neumann_volatility(losses),
        "lowest_loss": float(losses.min()),
        "highest_loss": float(losses.max()),
    }


def _input_scale(experiment: Experiment) -> dict[str, float]:
    """`mean` and `sd` of the training frames as the network sees them, of the channel with the largest mean square."""
    pixels = measure_scaling(experiment.pipeline.images, experiment.split.train, "standardise")
    used = experiment.pipeline.scaling
    mean, deviation = (pixels.shift - used.shift) / used.scale, pixels.scale / used.scale
    channel = int(np.argmax(mean**2 + deviation**2))
    return {"mean": float(mean[channel]), "sd": float(deviation[channel])}
