"""What a run says, in a few lines of text, from the files in its workdir alone."""

import pathlib
from typing import Any

from dogjax.files import read_json, read_json_lines

LAST_EPOCHS = 10


def summarise_workdir(workdir: pathlib.Path) -> str:
    """A few lines for the terminal: the curve, the dogs that are confused, and where the files are."""
    evaluation = read_json(workdir / "evaluation.json")
    metrics = read_json_lines(workdir / "metrics.jsonl")
    lines = [*_curve(metrics), *_frames(evaluation), *_confusion(evaluation)]
    return "\n".join(["", *lines, f"results in {workdir} (result.json, metrics.jsonl, evaluation.json, tensorboard/)"])


def _curve(metrics: list[dict[str, Any]]) -> list[str]:
    if not metrics:
        return ["no epoch is finished yet"]
    train, losses = metrics[-1]["train"], [line["validation"]["loss"] for line in metrics[-LAST_EPOCHS:]]
    precise = [line["validation"]["loss_precise_bn"] for line in metrics[-LAST_EPOCHS:]]
    lines = [
        f"after {len(metrics)} epochs the training loss is {train['loss']:.3f} (accuracy {train['accuracy']:.1%})",
        f"validation loss over the last {len(losses)} epochs: {min(losses):.3f} to {max(losses):.3f}",
    ]
    if precise != losses:
        lines.append(
            f"  the same weights with BatchNorm statistics measured anew: {min(precise):.3f} to {max(precise):.3f}"
        )
    return lines


def _frames(evaluation: dict[str, Any]) -> list[str]:
    interval = evaluation["intervals"]["accuracy"]
    lines = [f"validation accuracy {evaluation['accuracy']:.1%} of {evaluation['frames']} frames"]
    if interval:
        lines[0] += f", 95 % interval {interval[0]:.1%} to {interval[1]:.1%}"
    else:
        lines.append(f"  no interval can be given: {evaluation['intervals']['note']}")
    worst = evaluation["worst_background"]
    if worst and len(evaluation["by_background"]) > 1:
        lines.append(f"  worst background: {worst['background']}, {worst['accuracy']:.1%}")
    return lines


def _confusion(evaluation: dict[str, Any]) -> list[str]:
    labels, counts = evaluation["confusion"]["labels"], evaluation["confusion"]["counts"]
    pairs = [
        (counts[i][j] + counts[j][i], labels[i], labels[j])
        for i in range(len(labels))
        for j in range(i + 1, len(labels))
    ]
    most, first, second = max(pairs)
    return [f"most often confused: {first} and {second}, {most} frames"] if most else []
