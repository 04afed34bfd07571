"""Draws every picture of a page in one size and one set of colours, as a data URI that needs no file."""

import base64
import io
from collections.abc import Callable
from typing import Any, NamedTuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

# Okabe & Ito, "Color universal design" (2008): told apart by readers with any colour vision.
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#000000", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"
)  # fmt: skip
GREY = "#767676"
# Inches: at the width of a phone, 360 pixels, the letters are still ten pixels high.
WIDTH = 4.8

_STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
    "figure.constrained_layout.use": True,
    "svg.fonttype": "none",
    "svg.hashsalt": "dogjax",  # without it the file's ids are drawn at random
}


class Picture(NamedTuple):
    """A picture with its title and its caption; `uri` is a `data:` URI of an SVG."""

    title: str
    caption: str
    uri: str


def draw(title: str, caption: str, height: float, paint: Callable[[Figure], None]) -> Picture:
    """Draws the picture that `paint` makes of an empty figure; the bytes are the same each time.

    Args:
      title: stands above the picture.
      caption: how to read it, in a sentence.
      height: in inches.
      paint: adds axes, and draws.
    """
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH, height))
        paint(figure)
        text = io.BytesIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return Picture(title, caption, "data:image/svg+xml;base64," + base64.b64encode(text.getvalue()).decode())


def use_log_scale(axes: Axes) -> None:
    """Makes the ordinate logarithmic, with the numbers written out; call it after plotting."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    # Over many decades 2 and 5 would not fit beside 1.
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 100 else (1.0,)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
