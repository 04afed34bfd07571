"""Draws every picture of a page in one size and one set of colours, as an SVG that stands in the page itself."""

import io
import re
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

# Okabe & Ito, "Color universal design" (2008): told apart by readers with any colour vision.
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#000000", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"
)  # fmt: skip
GREY, SHADE = "#767676", "#eef3f8"
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
    "svg.fonttype": "none",  # letters stay letters, which can be searched and read aloud
    "text.parse_math": False,  # a class may be called $x
    "svg.hashsalt": "dogjax",  # without it the file's ids are drawn at random
}


class Picture(NamedTuple):
    """A picture with its title and its caption; `svg` is an element of an HTML page."""

    title: str
    caption: str
    svg: str


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
    return Picture(title, caption, _element(text.getvalue().decode()))


def use_log_scale(axes: Axes, along: Literal["x", "y"] = "y") -> None:
    """Makes an axis logarithmic, with the numbers written out; call it after plotting."""
    axes.set(**{f"{along}scale": "log"})
    axis, (low, high) = (axes.xaxis, axes.get_xlim()) if along == "x" else (axes.yaxis, axes.get_ylim())
    # Over many decades 2 and 5 would not fit beside 1.
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 100 else (1.0,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _element(document: str) -> str:
    """Returns the `<svg>` of an SVG document, without the ids that other pictures of a page have, too."""
    element = document[document.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    return re.sub(r' id="[a-z]\w*_\d+"', "", element)
