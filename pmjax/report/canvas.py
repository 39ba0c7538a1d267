"""Canvas: one look for every figure, drawn by matplotlib into SVG text that is the same on every rebuild."""

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's palette, told apart with every common colour blindness; deep models take colours, baselines greys.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0072B2", "#D98300", "#008A63", "#C4520A", "#A8588A", "#3A94C9"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, RED, SKY)
GREYS = ("#333333", "#8A8A8A", "#5C5C5C")
INK, MUTED, GRID = "#1f2933", "#5f6c7b", "#e4e8ed"

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9aa5b1",
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.linewidth": 0.8,
    "axes.unicode_minus": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "text.parse_math": False,  # a patient group called "$x" is text, not mathematics
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "svg.fonttype": "none",  # text stays text: it can be selected, read aloud and drawn in the page's font
    "svg.image_inline": True,
    "path.simplify": True,
}


@dataclass(frozen=True)
class Drawing:
    """One figure: file name without suffix, heading, alternative text, SVG, and whether it fills a line."""

    name: str
    title: str
    alt: str
    svg: str
    wide: bool = False


def draw(
    name: str, title: str, alt: str, paint: Callable[[Axes], None], size: tuple[float, float] = (3.5, 2.8)
) -> Drawing:
    """Calls `paint` on fresh axes of `size` inches and returns the drawing; the same bytes for the same values."""
    with rc_context({**_STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        # A script that DejaVu lacks is drawn by the reader's own font, since text stays text.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.add_subplot()
        paint(axes)
        axes.set_title(title)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return Drawing(name, title, alt, _tidy(stream.getvalue(), name, title, alt), wide=size[0] > 5)


def _tidy(svg: str, name: str, title: str, alt: str) -> str:
    """Names the SVG for screen readers, makes its ids unique on a page and drops what a page does not need."""
    ElementTree.register_namespace("", _SVG)
    root = ElementTree.fromstring(svg)
    for metadata in root.findall(f"{{{_SVG}}}metadata"):
        root.remove(metadata)
    for element in root.iter():
        _rename(element, name)
    for side in ("width", "height"):
        root.attrib.pop(side, None)
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-desc")
    for at, (tag, text) in enumerate((("title", title), ("desc", alt))):
        element = ElementTree.Element(f"{{{_SVG}}}{tag}", {"id": f"{name}-{tag}"})
        element.text = text
        root.insert(at, element)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _rename(element: ElementTree.Element, name: str) -> None:
    link = element.attrib.pop(f"{{{_XLINK}}}href", None)
    if link is not None:
        element.set("href", link.replace("#", f"#{name}-", 1))
    for key, value in element.attrib.items():
        if key == "id":
            element.set(key, f"{name}-{value}")
        elif "url(#" in value:
            element.set(key, value.replace("url(#", f"url(#{name}-"))
        elif key == "style" and "'DejaVu Sans'" in value:
            element.set(key, value.replace("'DejaVu Sans'", "system-ui, 'DejaVu Sans'"))
