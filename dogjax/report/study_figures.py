"""Draws the pictures of a study."""

import itertools
import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from dogjax.report.drawing import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    Picture,
    draw,
    use_log_scale,
)
from dogjax.study.outcome import Outcome
from dogjax.study.plan import REFERENCE

COLORS = (BLACK, BLUE, GREEN, PURPLE, SKY, VERMILION)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def study_pictures(study: dict[str, Any], arms: dict[str, list[Outcome]]) -> list[Picture]:
    """Draws the pictures of a study, from its `study.json` and its runs; none before a run has ended.

    Args:
      study: the content of `study.json`.
      arms: the outcomes by arm.
    """
    if not arms:
        return []
    pictures: list[Picture | None] = []
    if study["kind"] == "seeds":
        pictures += [spread_picture(study, "accuracy", 100, "points"), spread_picture(study, "loss", 1, "nats")]
    if study.get("sobol") and study["sobol"]["accuracy"]:
        pictures.append(sobol_picture(study["sobol"]["accuracy"]))
    if study["kind"] == "crossed":
        pictures.append(crossed_picture(arms, study["epochs"]))
    if study["kind"] == "arms":
        pictures.append(pairs_picture(arms, study["epochs"]))
    pictures.append(curves_picture(arms))
    if study.get("lengths"):
        pictures.append(lengths_picture(study))
    pictures.append(disagreement_picture(arms, study["epochs"]))
    return [picture for picture in pictures if picture]


def spread_picture(study: dict[str, Any], measure: str, scale: float, unit: str) -> Picture:
    """Draws the standard deviation of every arm with its interval, and the interval of the floor as a band."""
    arms = {name: arm[measure] for name, arm in study["arms"].items() if arm[measure]["sd"] is not None}

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        if "poke" in arms:
            low, high = (scale * limit for limit in arms["poke"]["interval"])
            axes.axvspan(
                low, high, color=ORANGE, alpha=0.25, linewidth=0, label="floor: one parameter moved by one bit"
            )
            axes.axvline(scale * arms["poke"]["sd"], color=ORANGE, linewidth=1.5)
            figure.legend(loc="outside upper left", frameon=False)
        for row, arm in enumerate(arms.values()):
            low, high = (scale * limit for limit in arm["interval"])
            axes.plot([low, high], [row, row], color=BLUE, linewidth=2)
            axes.plot(scale * arm["sd"], row, "o", color=BLUE)
        axes.set_yticks(range(len(arms)), list(arms))
        axes.invert_yaxis()
        axes.set_xlim(0, 1.15 * max([scale * arm["sd"] for arm in arms.values()] + [1e-3]) * 2)
        axes.set_xlabel(f"SD of the final {measure} between runs, {unit}")

    return draw(
        f"Spread of the final {measure} between runs",
        "A dot is the standard deviation (SD) between runs that differ in this stream alone, a line its 95 % interval. "
        "An arm whose line lies in the band cannot be told from the floor.",
        0.7 + 0.32 * max(len(arms), 3),
        paint,
    )


def curves_picture(arms: dict[str, list[Outcome]]) -> Picture | None:
    """Draws the validation loss of every run, an arm a panel; None before an epoch has ended."""
    names = [name for name, outcomes in arms.items() if any(each.metrics for each in outcomes)]
    if not names:
        return None
    rows = math.ceil(len(names) / 2)

    def paint(figure: Figure) -> None:
        panels = figure.subplots(rows, 2, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, name in zip(panels, names):
            _curves(axes, arms[name])
            axes.set_title(name, loc="left")
        for axes in panels[len(names) :]:
            axes.set_visible(False)
        figure.supxlabel("epoch", fontsize=10)
        figure.supylabel("validation loss", fontsize=10)

    return draw(
        "All validation curves",
        "Thin lines: every run. Band: the middle half of the runs. Thick line: their median.",
        0.8 + 1.25 * rows,
        paint,
    )


def _curves(axes: Axes, outcomes: list[Outcome]) -> None:
    curves = [[line["validation"]["loss"] for line in each.metrics] for each in outcomes if each.metrics]
    longest = max(map(len, curves))
    whole = np.array([each for each in curves if len(each) == longest])
    epochs = np.arange(1, longest + 1)
    axes.fill_between(epochs, *np.quantile(whole, [0.25, 0.75], axis=0), color=BLUE, alpha=0.25, linewidth=0)
    for each in curves:
        axes.plot(epochs[: len(each)], each, color=GREY, linewidth=0.5, alpha=0.7)
    axes.plot(epochs, np.median(whole, axis=0), color=BLUE, linewidth=1.5)
    use_log_scale(axes)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))


def lengths_picture(study: dict[str, Any]) -> Picture:
    """Draws how the spread of each arm changes with the length of training."""
    lengths = {int(epoch): arms for epoch, arms in study["lengths"].items()}
    names = list(next(iter(lengths.values())))

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for number, name in enumerate(names):
            sds = [arms[name]["accuracy"]["sd"] for arms in lengths.values()]
            if None in sds:
                continue
            color = ORANGE if name == "poke" else COLORS[number % len(COLORS)]
            marker = MARKERS[number % len(MARKERS)]
            axes.plot(
                list(lengths),
                [100 * sd for sd in sds],
                marker=marker,
                color=color,
                linewidth=3 if name == "poke" else 1.5,
                label=name,
            )
        axes.set_ylim(bottom=0)
        axes.set_xticks(list(lengths))
        axes.set_xlabel("epochs")
        axes.set_ylabel("SD of accuracy, points")
        figure.legend(loc="outside upper left", frameon=False, ncols=4)

    return draw(
        "Spread by length of training",
        "The same runs, measured after fewer epochs. Orange: the floor (poke).",
        2.9,
        paint,
    )


def disagreement_picture(arms: dict[str, list[Outcome]], epoch: int) -> Picture | None:
    """Draws the share of frames for which two runs predict different classes, by pair of runs; None below two runs."""
    outcomes = [each for each_arm in arms.values() for each in each_arm if each.finished]
    predictions = [each.predictions(epoch) for each in outcomes]
    if len(outcomes) < 2:
        return None
    taken = [dict(zip(each.frame_id.tolist(), each.logits.argmax(axis=1).tolist())) for each in predictions]
    matrix = np.array([[_disagreement(a, b) for b in taken] for a in taken])
    starts = np.cumsum([0] + [sum(each.finished for each in each_arm) for each_arm in arms.values()])

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        image = axes.imshow(matrix, cmap="cividis", vmin=0, interpolation="nearest")
        axes.set_xticks((starts[:-1] + starts[1:] - 1) / 2, list(arms), rotation=60, ha="right")
        axes.set_yticks((starts[:-1] + starts[1:] - 1) / 2, list(arms))
        for edge in starts[1:-1]:
            axes.axhline(edge - 0.5, color="white", linewidth=0.8)
            axes.axvline(edge - 0.5, color="white", linewidth=0.8)
        axes.grid(visible=False)
        bar = figure.colorbar(image, format=PercentFormatter(1.0, decimals=0))
        bar.set_label("frames with different predictions")

    return draw("Disagreement between runs", "Every pair of runs, on the validation frames that both have.", 4.2, paint)


def _disagreement(a: dict[str, int], b: dict[str, int]) -> float:
    common = a.keys() & b.keys()
    return float(np.mean([a[frame] != b[frame] for frame in common])) if common else float("nan")


def pairs_picture(arms: dict[str, list[Outcome]], epoch: int) -> Picture | None:
    """Draws accuracy and volatility of every arm against the reference, a dot a seed; None without another arm."""
    partners = {each.run.replicate: each for each in arms.get(REFERENCE, []) if each.finished}
    names = [name for name in arms if name != REFERENCE]
    if not names or not partners:
        return None

    def paint(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, sharey=True)
        for row, name in enumerate(names):
            pairs = [(partners[e.run.replicate], e) for e in arms[name] if e.finished and e.run.replicate in partners]
            gains = [100 * (arm.accuracy(epoch) - ref.accuracy(epoch)) for ref, arm in pairs]
            ratios = [arm.volatility / ref.volatility for ref, arm in pairs if arm.volatility and ref.volatility]
            for axes, values in ((left, gains), (right, ratios)):
                axes.plot(values, [row] * len(values), "o", color=BLUE, alpha=0.6)
                if values:
                    axes.plot(np.mean(values), row, "|", color=VERMILION, markersize=16, markeredgewidth=2)
        left.axvline(0, color=GREY)
        right.axvline(1, color=GREY)
        left.set_yticks(range(len(names)), names)
        left.set_ylim(len(names) - 0.5, -0.5)
        left.set_xlabel("accuracy, difference in points")
        right.set_xlabel("volatility, ratio")

    return draw(
        "Each arm against the reference",
        "A dot is one seed, trained with both; a red stroke is the mean over seeds.",
        0.8 + 0.35 * max(len(names), 3),
        paint,
    )


def crossed_picture(arms: dict[str, list[Outcome]], epoch: int) -> Picture:
    """Draws the accuracy of every split, a dot a seed."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for row, outcomes in enumerate(arms.values()):
            for each in outcomes:
                if each.finished:
                    marker = MARKERS[each.run.replicate % len(MARKERS)]
                    axes.plot(each.accuracy(epoch), row, marker, color=BLUE, alpha=0.7)
        axes.set_yticks(range(len(arms)), list(arms))
        axes.invert_yaxis()
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_xlabel("validation accuracy; each seed has its own shape")

    return draw(
        "Splits and seeds",
        "If rows differ from each other, the split matters; if the dots of a row differ, the seed does.",
        0.8 + 0.32 * max(len(arms), 3),
        paint,
    )


def sobol_picture(shares: dict[str, Any]) -> Picture:
    """Draws the first-order and the total share of each stream in the variance of accuracy, with half-widths."""
    streams = shares["streams"]

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for offset, kind, color in ((-0.17, "first", GREEN), (0.17, "total", BLUE)):
            rows = np.arange(len(streams)) + offset
            values = [each[kind] for each in streams.values()]
            halves = [each[f"{kind}_half_width"] for each in streams.values()]
            label = "alone (first order)" if kind == "first" else "with others (total)"
            axes.barh(rows, values, height=0.3, color=color, label=label)
            axes.errorbar(values, rows, xerr=halves, fmt="none", ecolor="black", elinewidth=1)
        axes.set_yticks(range(len(streams)), list(streams))
        axes.invert_yaxis()
        axes.set_xlabel("share of the variance of accuracy")
        axes.legend(frameon=False)

    return draw(
        "Which stream explains the variance", "Lines are 95 % intervals.", 0.8 + 0.4 * max(len(streams), 3), paint
    )


def map_picture(frames: dict[str, Any]) -> Picture:
    """Draws the dataset cartography: a dot a frame, and a colour and shape a class.

    Args:
      frames: those of `cartography.json`, a list a column.
    """
    labels = np.array(frames["label"])

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for name, color, marker in zip(np.unique(labels), itertools.cycle(COLORS[1:]), itertools.cycle(MARKERS)):
            own = labels == name
            x, y = (np.array(frames[column])[own] for column in ("variability", "confidence"))
            axes.scatter(x, y, s=7, color=color, marker=marker, alpha=0.4, linewidths=0, label=name, rasterized=True)
        axes.set_xlabel("standard deviation over runs")
        axes.set_ylabel("probability of the right class")
        axes.set_ylim(0, 1)
        axes.set_xlim(left=0)
        figure.legend(loc="outside upper left", frameon=False, ncols=3, markerscale=2)

    caption = "Top left: easy for every run. Bottom left: hard for every run. Right: the seed decides."
    return draw("A map of the frames", caption, 3.2, paint)
