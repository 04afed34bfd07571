"""The pictures of one run."""

from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from dogjax.report.drawing import BLUE, GREY, ORANGE, Picture, draw


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
        axes.set_yscale("log")
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss")
        axes.legend(frameon=False)

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
