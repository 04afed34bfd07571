"""Draws the pictures of one run."""

import itertools
import math
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from dogjax.report.drawing import BLUE, GREEN, GREY, PURPLE, SHADE, VERMILION, Picture, draw, use_log_scale

# Recordings of a picture: more would not be read.
MOST_RECORDINGS = 8

# Lines of one picture differ in both.
_COLOURS, _LINES = (BLUE, VERMILION, GREEN, PURPLE, GREY), ("-", "--", "-.", ":", "-")


def loss_picture(metrics: list[dict[str, Any]], diagnosed: list[int] | None = None) -> Picture:
    """Draws the loss over epochs: of training steps, of clean training frames, and of validation in both ways.

    Args:
      metrics: the lines of `metrics.jsonl`.
      diagnosed: the epochs that a diagnosis scored again, which are shaded.
    """
    epochs = [line["epoch"] for line in metrics]
    validation = [line["validation"]["loss"] for line in metrics]
    precise = [line["validation"]["loss_precise_bn"] for line in metrics]

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot(epochs, [line["train"]["loss"] for line in metrics], color=GREY, linestyle=":", label="training")
        clean = [line["train_clean"]["loss"] if "train_clean" in line else math.nan for line in metrics]  # since 0.2.0
        axes.plot(epochs, clean, color=GREEN, linestyle="-.", label="the same weights on clean training frames")
        axes.plot(epochs, validation, color=VERMILION, marker="." if len(epochs) < 30 else "", label="validation")
        if precise != validation:
            axes.plot(
                epochs, precise, color=BLUE, linestyle="--", label="validation, batch norm statistics measured anew"
            )
        if diagnosed:
            axes.axvspan(diagnosed[0] - 0.5, diagnosed[-1] + 0.5, color=SHADE, zorder=0, label="diagnosed epochs")
        use_log_scale(axes)
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss")
        figure.legend(loc="outside upper left", frameon=False)

    caption = (
        "On a logarithmic scale. If the loss on clean training frames jumps, too, the validation set is innocent; how "
        "far validation lies above it is what the network does not carry over to new frames."
    )
    return draw("Loss", caption, 3.2, paint)


def accuracy_picture(metrics: list[dict[str, Any]]) -> Picture:
    """Draws the validation accuracy over epochs, of all frames and of each class or background, where those are few."""
    epochs = [line["epoch"] for line in metrics]
    last = metrics[-1]["validation"]
    keys = {"by_label": "of each class", "by_background": "on each background"}
    parts = {key: sorted(last[key]) for key in keys if 1 < len(last[key]) <= len(_COLOURS)}

    def paint(figure: Figure) -> None:
        panels = figure.subplots(1 + len(parts), 1, sharex=True, sharey=True, squeeze=False).ravel()
        panels[0].plot(epochs, [line["validation"]["accuracy"] for line in metrics], color="black")
        panels[0].set_title("of all validation frames", loc="left")
        for axes, (key, names) in zip(panels[1:], parts.items()):
            for name, colour, style in zip(names, _COLOURS, _LINES):
                values = [line["validation"][key][name]["accuracy"] for line in metrics]
                axes.plot(epochs, values, color=colour, linestyle=style, label=_short(name))
            axes.set_title(keys[key], loc="left")
            axes.legend(frameon=False, fontsize=8, ncols=2, loc="lower right")
        panels[0].yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        panels[0].set_ylim(0, 1)
        panels[-1].set_xlabel("epoch")

    caption = "A class that is named for every frame in one epoch, and for none in the next, moves against the others."
    return draw("Validation accuracy", caption, 0.6 + 1.5 * (1 + len(parts)), paint)


# What each switch changes, by its name. The name itself is the headline's and the table's word.
_CHANGES = {
    "batch_norm_statistics": "measured anew",
    "augmented_validation": "not augmented",
    "last_iterate": "averaged over five epochs",
}


def _words(name: str) -> str:
    return name.replace("_", " ")


def overview_picture(curves: dict[str, Any]) -> Picture:
    """Draws the validation loss as it was, and with every change.

    Args:
      curves: those of `diagnosis.json`.
    """

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot(curves["epochs"], curves["loss"]["as_it_was"], color=VERMILION, label="as it was")
        axes.plot(curves["epochs"], curves["loss"]["all"], color=BLUE, linestyle="--", label="with every change")
        use_log_scale(axes)
        axes.set_ylabel("validation loss")
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(loc="outside upper left", frameon=False, ncols=2)

    return draw(
        "The validation curve", "The same weights, evaluated as the run did and with every change below.", 2.6, paint
    )


def counterfactual_picture(curves: dict[str, Any]) -> Picture:
    """Draws the validation loss as it was, with each change alone, and with all of them.

    Args:
      curves: those of `diagnosis.json`.
    """
    epochs, losses = curves["epochs"], curves["loss"]
    switches = [name for name in losses if name in _CHANGES]

    def paint(figure: Figure) -> None:
        panels = figure.subplots(len(switches) + 1, 1, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, name in zip(panels, [*switches, "all"]):
            axes.plot(epochs, losses["as_it_was"], color=VERMILION, label="as it was")
            axes.plot(epochs, losses[name], color=BLUE, linestyle="--", label="with the change")
            title = "every change" if name == "all" else f"{_words(name)}: {_CHANGES[name]}"
            axes.set_title(title, loc="left")
            use_log_scale(axes)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", frameon=False, ncols=2)
        panels[-1].set_xlabel("epoch")
        panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.supylabel("validation loss", fontsize=10)

    caption = "Nothing was trained again: the same weights are evaluated in another way."
    return draw("The validation curve with one change at a time", caption, 1.0 + 1.25 * (len(switches) + 1), paint)


def switches_picture(switches: dict[str, Any], unit: str) -> Picture:
    """Draws the part of the jumping that goes with each change alone.

    Args:
      switches: those of `diagnosis.json`.
      unit: of the validation frames that are resampled as a whole, such as `recording`.
    """

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for row, found in enumerate(switches.values()):
            axes.barh(row, found["alone"], height=0.5, color=BLUE)
            if found["interval"]:
                axes.plot(found["interval"], [row, row], color="black", linewidth=1.5)
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_yticks(range(len(switches)), [_words(name) for name in switches])
        axes.invert_yaxis()
        axes.set_xlim(-1, 1)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_xlabel("part of the jumping that goes")

    caption = "Below 0 the curve jumps more with the change."
    if any(found["interval"] for found in switches.values()):
        caption += f" Lines are 95 % intervals over validation {unit}s and epochs; they may leave the picture."
    return draw("What calms the curve", caption, 0.8 + 0.35 * len(switches), paint)


def branches_picture(ends: dict[str, Any]) -> Picture:
    """Draws the loss after one epoch that was trained again, as it is and with one thing changed.

    Args:
      ends: those of `diagnosis.json`.
    """

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for row, each in enumerate(ends.values()):
            rows = [row - 0.12] * len(each["losses"])
            axes.plot(each["losses"], rows, "o", color=VERMILION, markersize=4, label="" if row else "as it is scored")
            if each["precise"] != each["losses"]:
                rows = [row + 0.12] * len(each["precise"])
                label = "" if row else "batch norm statistics measured anew"
                axes.plot(each["precise"], rows, "x", color=BLUE, markersize=4, label=label)
        use_log_scale(axes, "x")
        axes.set_yticks(range(len(ends)), [_words(name) for name in ends])
        axes.invert_yaxis()
        axes.set_xlabel("validation loss after the epoch")
        figure.legend(loc="outside upper left", frameon=False)

    caption = (
        "One epoch, trained again from one state with fresh order, augmentation and dropout; a mark is one such epoch. "
        "Where a change draws the marks together, it calms the curve."
    )
    return draw("The same epoch, trained another way", caption, 1.1 + 0.4 * len(ends), paint)


def who_jumps_picture(shares: dict[str, dict[str, float]]) -> Picture:
    """Draws the share of the jumping that each class and the foremost recordings make.

    Args:
      shares: `who_jumps` of `diagnosis.json`.
    """
    rows = [(name, share, BLUE) for name, share in shares["class"].items()]
    recordings = [(name, share, GREY) for name, share in shares["recording"].items() if name]
    rows += recordings[:MOST_RECORDINGS] if len(recordings) > 1 else []

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for row, (_, share, colour) in enumerate(rows):
            axes.barh(row, share, height=0.6, color=colour)
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_yticks(range(len(rows)), [_short(name) for name, _, _ in rows])
        axes.invert_yaxis()
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_xlabel("share of the jumping")

    caption = (
        "Classes, and the recordings with the largest shares. The shares of all classes add up to 100 %, and so do "
        "those of all recordings."
    )
    return draw("Who jumps", caption, 0.9 + 0.28 * len(rows), paint)


def _short(name: str) -> str:
    return name if len(name) <= 24 else f"…{name[-23:]}"


def distance_picture(epochs: list[int], distances: dict[str, list[float]]) -> Picture:
    """Draws how far each BatchNorm layer's running means are from the means over the training frames."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for (layer, values), colour, style in zip(
            distances.items(), itertools.cycle(_COLOURS), itertools.cycle(_LINES)
        ):
            axes.plot(epochs, values, color=colour, linestyle=style, label=layer)
        use_log_scale(axes)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel("largest distance / SD")
        figure.legend(loc="outside upper left", frameon=False, ncols=2)

    caption = (
        "Distance of the running mean from the mean over clean training frames, in standard deviations (SD); the "
        "channel with the largest distance."
    )
    return draw("How far the batch norm statistics lag", caption, 3.0, paint)


def quality_picture(quality: dict[str, Any]) -> Picture:
    """Draws the error in each fifth of the frames, from the most blurred to the sharpest, and from dark to bright."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for (name, found), colour, style in zip(quality.items(), _COLOURS, _LINES):
            label = name if found["correlation"] is None else f"{name} (correlation {found['correlation']:+.2f})"
            axes.plot(range(1, 6), found["error_by_fifth"], color=colour, linestyle=style, marker="o", label=label)
        axes.set_xticks(range(1, 6), ["lowest", "", "middle", "", "highest"])
        axes.set_xlabel("fifth of the validation frames")
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_ylim(bottom=0)
        axes.set_ylabel("error, all epochs")
        figure.legend(loc="outside upper left", frameon=False)

    caption = "Do blurred or dark frames have more errors? The correlation is the rank correlation with the loss."
    return draw("Errors by sharpness and brightness", caption, 2.8, paint)
