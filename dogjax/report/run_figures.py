"""Draws the pictures of one run."""

import itertools
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from dogjax.report.drawing import BLUE, GREEN, GREY, ORANGE, PURPLE, Picture, draw, use_log_scale

# Lines of one picture differ in both.
_COLOURS, _LINES = (BLUE, ORANGE, GREEN, PURPLE, GREY), ("-", "--", "-.", ":", "-")


def loss_picture(metrics: list[dict[str, Any]]) -> Picture:
    """Draws training and validation loss over epochs, and validation loss with batch norm statistics measured anew."""
    epochs = [line["epoch"] for line in metrics]
    validation = [line["validation"]["loss"] for line in metrics]
    precise = [line["validation"]["loss_precise_bn"] for line in metrics]

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot(epochs, [line["train"]["loss"] for line in metrics], color=GREY, linestyle=":", label="training")
        axes.plot(epochs, validation, color=ORANGE, marker="." if len(epochs) < 30 else "", label="validation")
        if precise != validation:
            axes.plot(
                epochs, precise, color=BLUE, linestyle="--", label="validation, batch norm statistics measured anew"
            )
        use_log_scale(axes)
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss")
        figure.legend(loc="outside upper left", frameon=False)

    return draw("Loss", "On a logarithmic scale.", 3.0, paint)


def accuracy_picture(metrics: list[dict[str, Any]]) -> Picture:
    """Draws the validation accuracy over epochs."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([line["epoch"] for line in metrics], [line["validation"]["accuracy"] for line in metrics], color=BLUE)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_ylim(0, 1)
        axes.set_xlabel("epoch")
        axes.set_ylabel("validation accuracy")

    return draw("Accuracy", "On the validation frames.", 2.2, paint)


# What each switch changes, by its name. The name itself is the headline's and the table's word.
_CHANGES = {
    "batch_norm_statistics": "measured anew",
    "augmented_validation": "not augmented",
    "last_iterate": "weights averaged over five epochs",
    "overconfidence": "temperature fitted",
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
        axes.plot(curves["epochs"], curves["loss"]["as_it_was"], color=ORANGE, label="as it was")
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
            axes.plot(epochs, losses["as_it_was"], color=ORANGE, label="as it was")
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


def shares_picture(shares: dict[str, Any], unit: str) -> Picture:
    """Draws the share of the volatility that each change removes, and the unexplained rest.

    Args:
      shares: those of `diagnosis.json`.
      unit: of the validation frames that are resampled as a whole, such as `recording`.
    """

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for row, (name, found) in enumerate(shares.items()):
            axes.barh(row, found["share"], height=0.5, color=GREY if name == "unexplained" else BLUE)
            if found["interval"]:
                axes.plot(found["interval"], [row, row], color="black", linewidth=1.5)
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_yticks(range(len(shares)), [_words(name) for name in shares])
        axes.invert_yaxis()
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_xlabel("share of the jumping (volatility)")

    caption = "The shares add up to the whole (Shapley values)."
    if any(found["interval"] for found in shares.values()):
        caption += f" Lines are 95 % intervals over the validation {unit}s."
    return draw("Which cause explains the jumps", caption, 0.8 + 0.35 * len(shares), paint)


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
