"""Summarises a run, a diagnosis or a study in a few lines for a terminal, from the files in its workdir alone."""

import pathlib
import textwrap
from typing import Any

from dogjax.diagnose.trial import QUESTION
from dogjax.diagnose.verdict import headline
from dogjax.files import read_json, read_json_lines

LAST_EPOCHS = 10
WIDTH = 110


def summarise_workdir(workdir: pathlib.Path) -> str:
    """Summarises a run: its curve, the classes that it confuses most, and where the files are."""
    evaluation = read_json(workdir / "evaluation.json")
    metrics = read_json_lines(workdir / "metrics.jsonl")
    lines = [*_curve(metrics), *_frames(evaluation), *_confusion(evaluation)]
    return "\n".join(["", *lines, f"results in {workdir} (result.json, metrics.jsonl, evaluation.json, tensorboard/)"])


def summarise_diagnosis(workdir: pathlib.Path) -> str:
    """Summarises a diagnosis: the headline, causes with evidence and change, what was cleared, and the study."""
    diagnosis = read_json(workdir / "diagnosis.json")
    lines = ["", *_wrapped(headline(diagnosis))]
    for cause in diagnosis["causes"]:
        lines += ["", _title(cause), *_wrapped(cause["evidence"] + ".", "    ")]
        lines += [f"    {cause['override']}"] if cause["override"] else []
        lines += _wrapped(cause["elsewhere"], "    ") if cause["elsewhere"] else []
    if diagnosis["cleared"]:
        cleared = ", ".join(each["name"].replace("_", " ") for each in diagnosis["cleared"])
        lines += ["", *_wrapped(f"looked for and cleared: {cleared}")]
    if diagnosis["not_testable"]:
        lines += ["", "not testable:"]
        for each in diagnosis["not_testable"]:
            lines += _wrapped(f"{each['name'].replace('_', ' ')}: {each['why']}", "    ")
    if diagnosis["trial"]:
        lines += ["", *_wrapped(QUESTION), f"    {diagnosis['trial']}"]
    return "\n".join([*lines, ""])


def summarise_study(workdir: pathlib.Path) -> str:
    """Returns the verdict of a study, wrapped."""
    return "\n".join(["", *_wrapped(read_json(workdir / "study.json")["verdict"]), ""])


def _title(cause: dict[str, Any]) -> str:
    part, interval = cause["alone"], cause["interval"]
    sure = f" ({interval[0]:.0%} to {interval[1]:.0%})" if interval else ""
    title = f"{cause['name'].replace('_', ' ')}: {cause['plain']}"
    return title if part is None else f"{title}; {part:.0%}{sure} of {cause['of']}"


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


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
            f"  the same weights with batch norm statistics measured anew: {min(precise):.3f} to {max(precise):.3f}"
        )
    return lines


def _frames(evaluation: dict[str, Any]) -> list[str]:
    interval = evaluation["intervals"]["accuracy"]
    lines = [f"validation accuracy {evaluation['accuracy']:.1%} of {evaluation['frames']} frames"]
    if interval:
        lines[0] += f", 95 % interval {interval[0]:.1%} to {interval[1]:.1%}"
    else:
        lines.append(f"  no interval can be estimated: {evaluation['intervals']['note']}")
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
