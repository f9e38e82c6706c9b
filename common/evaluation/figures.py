"""What all pictures have in common: colours, names beside axes, and how they become PNG files.

Figures are drawn through matplotlib's object interface, so no state is shared and no display is needed. Colours are
those of Okabe and Ito (2008), which colour-blind readers can tell apart; lines differ in their dashes as well.
"""

import warnings
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from common.files import replacing

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#999999"
COLOURS = (BLUE, ORANGE, "#009E73", "#CC79A7", "#56B4E9", "#E69F00")

_DOTS_PER_INCH = 120
_LONGEST_NAME = 24
# By what changes from tick to tick: years, months, days, hours, minutes, seconds.
_DATES = ("%Y", "%b", "%d %b", "%H:%M", "%H:%M", "%H:%M:%S")
_FIRST_DATES = ("", "%b\n%Y", "%d %b", "%d %b", "%H:%M", "%H:%M")
_DATES_BESIDE = ("", "", "%Y", "%Y", "%d %b %Y", "%d %b %Y")


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a figure as a whole PNG file or not at all.

    A script that the font lacks is drawn as boxes; that is no reason to warn, and none to fail.
    """
    with replacing(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(temporary, format="png", dpi=_DOTS_PER_INCH, bbox_inches="tight")


def readable(name: str) -> str:
    """A name that fits beside an axis; dollar signs would start a formula."""
    name = " ".join(name.split())
    short = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
    return short.replace("$", r"\$")


def write_dates(axes: Axes, times: ArrayLike) -> None:
    """Writes the dates of times below the axes, in their zone if they have one."""
    # Elements of NumPy's own kind have no zone.
    zone = getattr(np.asarray(times).ravel()[0], "tzinfo", None)
    locator = AutoDateLocator(tz=zone, minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(  # type: ignore[no-untyped-call]
        locator, zone, _DATES, zero_formats=_FIRST_DATES, offset_formats=_DATES_BESIDE
    )
    axes.xaxis.set_major_formatter(formatter)
    if zone is not None:
        axes.set(xlabel=f"time ({zone})")
