"""What all pictures have in common: how they become PNG files."""

import warnings
from pathlib import Path

from matplotlib.figure import Figure

from common.files import replacing

_DOTS_PER_INCH = 120


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a figure as a whole PNG file or not at all.

    A script that the font lacks is drawn as boxes; that is no reason to warn, and none to fail.
    """
    with replacing(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(temporary, format="png", dpi=_DOTS_PER_INCH, bbox_inches="tight")
