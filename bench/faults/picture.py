"""Draws how often each fault is named, against what it does: a panel a fault."""

import math
import pathlib
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from bench.faults.operators import FAULTS

COLUMNS = 7
PANEL = (1.9, 1.5)  # inches
MARKERS = {"embedded": "o", "drift": "s", "second": "^", "clips": "D"}
COLOURS = {"embedded": "#0072b2", "drift": "#d55e00", "second": "#009e73", "clips": "#000000"}
# Effects beyond it are drawn at the edge: e ^ 4 is a factor of 55.
MOST = 4.0


def draw(results: Mapping[str, Any], path: pathlib.Path) -> None:
    """Writes the picture.

    Args:
      results: `effects` and `runs`, as `score` returns them.
      path: of the PNG.
    """
    runs = defaultdict(list)
    for run in results["runs"].values():
        runs[run["world"], run["fault"], run["strength"]].append(run["right"])
    rows = math.ceil(len(FAULTS) / COLUMNS)
    figure = Figure(figsize=(PANEL[0] * COLUMNS, PANEL[1] * rows + 0.6), layout="constrained")
    panels = figure.subplots(rows, COLUMNS, sharex=True, sharey=True).flat
    for name, panel in zip(FAULTS, panels):
        panel.set_title(name.replace("_", " "), fontsize=8)
        for each in (each for each in results["effects"] if each["fault"] == name):
            right = runs[each["world"], name, each["strength"]]
            if right:
                panel.plot(
                    effect_size(each),
                    sum(right) / len(right),
                    MARKERS[each["world"]],
                    color=COLOURS[each["world"]],
                    markersize=5,
                    alpha=0.8,
                    markerfacecolor=COLOURS[each["world"]] if each["hurts"] else "none",
                    clip_on=False,
                )
        panel.set_ylim(-0.08, 1.08)
        panel.set_xlim(0, MOST)
        panel.set_xticks([0, math.log(3), math.log(10), math.log(30)], ["1", "3", "10", "30"], fontsize=7)
        panel.set_yticks([0, 0.5, 1], ["0", "½", "1"], fontsize=7)
        panel.spines[["top", "right"]].set_visible(False)
    for panel in list(panels):
        panel.set_axis_off()
    figure.supxlabel("what the fault does: the larger of loss and jumping, times those of the sound run", fontsize=9)
    figure.supylabel("runs in which it is named", fontsize=9)
    worlds = [world for world in MARKERS if any(each["world"] == world for each in results["effects"])]
    handles = [
        figure.axes[0].plot(
            [], [], MARKERS[world], color=COLOURS[world], label=f"{world} (hollow: near miss or undecided)"
        )[0]
        for world in worlds
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=len(handles), fontsize=8, frameon=False)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def effect_size(effect: Mapping[str, Any]) -> float:
    """Returns the larger of the logarithms of the ratios of loss and jumping, within what is drawn."""
    flatters = FAULTS[effect["fault"]].harm == "flatters"
    change = effect["change"]
    sizes = [abs(change["loss"]) if flatters and change["loss"] is not None else change["loss"], change["jumping"]]
    known = [size for size in sizes if size is not None]
    return MOST if effect["diverged"] or not known else min(MOST, max(0.0, *known))
