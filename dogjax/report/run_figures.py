"""The pictures of one run."""

import itertools
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from dogjax.report.drawing import BLUE, GREEN, GREY, ORANGE, PURPLE, Picture, draw, use_log_scale

# Lines of one picture differ in both.
_COLOURS, _LINES = (BLUE, ORANGE, GREEN, PURPLE, GREY), ("-", "--", "-.", ":", "-")


def loss_picture(metrics: list[dict[str, Any]]) -> Picture:
    """Training and validation loss over epochs, and the validation loss with BatchNorm's statistics measured anew."""
    epochs = [line["epoch"] for line in metrics]
    validation = [line["validation"]["loss"] for line in metrics]
    precise = [line["validation"]["loss_precise_bn"] for line in metrics]

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot(epochs, [line["train"]["loss"] for line in metrics], color=GREY, linestyle=":", label="training")
        axes.plot(epochs, validation, color=ORANGE, marker="." if len(epochs) < 30 else "", label="validation")
        if precise != validation:
            axes.plot(epochs, precise, color=BLUE, linestyle="--", label="validation, BatchNorm measured anew")
        use_log_scale(axes)
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss")
        figure.legend(loc="outside upper left", frameon=False)

    return draw("Loss", "On a logarithmic scale.", 3.0, paint)


def accuracy_picture(metrics: list[dict[str, Any]]) -> Picture:
    """Validation accuracy over epochs."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([line["epoch"] for line in metrics], [line["validation"]["accuracy"] for line in metrics], color=BLUE)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_ylim(0, 1)
        axes.set_xlabel("epoch")
        axes.set_ylabel("validation accuracy")

    return draw("Accuracy", "On the validation frames.", 2.2, paint)


# Plain names of the switches, as a legend says them.
_SWITCHES = {
    "batch_norm_statistics": "BatchNorm measured anew",
    "augmented_validation": "validation not augmented",
    "last_iterate": "weights averaged",
    "overconfidence": "temperature fitted",
}


def overview_picture(curves: dict[str, Any]) -> Picture:
    """The validation loss as it was, and with all switches.

    Args:
      curves: those of `diagnosis.json`.
    """

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot(curves["epochs"], curves["loss"]["as_it_was"], color=ORANGE, label="as it was")
        axes.plot(curves["epochs"], curves["loss"]["all"], color=BLUE, linestyle="--", label="as it would have been")
        use_log_scale(axes)
        axes.set_ylabel("validation loss")
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(loc="outside upper left", frameon=False, ncols=2)

    return draw("The curve", "The same weights, evaluated with every switch on.", 2.6, paint)


def counterfactual_picture(curves: dict[str, Any]) -> Picture:
    """The validation loss as it was, with each switch alone, and with all.

    Args:
      curves: those of `diagnosis.json`.
    """
    epochs, losses = curves["epochs"], curves["loss"]
    switches = [name for name in losses if name in _SWITCHES]

    def paint(figure: Figure) -> None:
        panels = figure.subplots(len(switches) + 1, 1, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, name in zip(panels, [*switches, "all"]):
            axes.plot(epochs, losses["as_it_was"], color=ORANGE, label="as it was")
            axes.plot(epochs, losses[name], color=BLUE, linestyle="--", label="as it would have been")
            axes.set_title("all of them" if name == "all" else _SWITCHES[name], loc="left")
            use_log_scale(axes)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", frameon=False, ncols=2)
        panels[-1].set_xlabel("epoch")
        panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.supylabel("validation loss", fontsize=10)

    caption = "Nothing was trained again: the same weights, looked at in another way."
    return draw("The curve, one thing at a time", caption, 1.0 + 1.25 * (len(switches) + 1), paint)


def shares_picture(shares: dict[str, Any], unit: str) -> Picture:
    """The share of the volatility that goes with each switch, and what stays.

    Args:
      shares: those of `diagnosis.json`.
      unit: what intervals are over.
    """

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for row, (name, each) in enumerate(shares.items()):
            axes.barh(row, each["share"], height=0.5, color=GREY if name == "unexplained" else BLUE)
            if each["interval"]:
                axes.plot(each["interval"], [row, row], color="black", linewidth=1.5)
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_yticks(range(len(shares)), [_SWITCHES.get(name, name) for name in shares])
        axes.invert_yaxis()
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_xlabel("share of the volatility")

    caption = "Shapley values: they add up to the whole."
    if any(each["interval"] for each in shares.values()):
        caption += f" Lines are 95 % intervals over the validation {unit}s."
    return draw("Whose jumps they are", caption, 0.8 + 0.35 * len(shares), paint)


def distance_picture(epochs: list[int], distances: dict[str, list[float]]) -> Picture:
    """How far each BatchNorm layer's running means are from those of the training frames."""

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

    caption = "Of the running mean from the mean of clean training frames, over channels, in standard deviations."
    return draw("How far BatchNorm is off", caption, 3.0, paint)


def quality_picture(quality: dict[str, Any]) -> Picture:
    """The error in each fifth of the frames, from the most blurred to the sharpest, and from the darkest on."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for (name, each), colour, style in zip(quality.items(), _COLOURS, _LINES):
            label = name if each["correlation"] is None else f"{name} (correlation {each['correlation']:+.2f})"
            axes.plot(range(1, 6), each["error_by_fifth"], color=colour, linestyle=style, marker="o", label=label)
        axes.set_xticks(range(1, 6), ["lowest", "", "middle", "", "highest"])
        axes.set_xlabel("fifth of the validation frames")
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_ylim(bottom=0)
        axes.set_ylabel("error, all epochs")
        figure.legend(loc="outside upper left", frameon=False)

    caption = "Do errors go with blur or with the dark? Correlations are with the loss, by ranks."
    return draw("Sharpness and brightness", caption, 2.8, paint)
