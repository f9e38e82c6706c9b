"""How models that write texts search for them, as the flags of their export say."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import tyro

from common.checks import AtLeast, check_ranges
from common.export.model_card import CARD_FILE
from common.export.script import ExportOptions
from common.inference.extra_files import EXTRA_FOLDER

_SEARCH = re.compile(r"found with (\d+) hypotheses at once and a length penalty of (\d+(?:\.\d+)?)")


class Search(NamedTuple):
    """How a model searches for what it writes.

    >>> print(Search(length_penalty=0.7))
    found with 5 hypotheses at once and a length penalty of 0.7
    """

    beam_width: int = 5
    length_penalty: float = 1.0

    def __str__(self) -> str:
        """As cards tell it."""
        return (
            f"found with {self.beam_width} hypotheses at once and a length penalty of {self.length_penalty:g}"
        )

    @classmethod
    def of_card(cls, version: Path) -> "Search":
        """That of a SavedModel, as its card tells it; the usual one of a training's folder."""
        card = version / EXTRA_FOLDER / CARD_FILE
        told = _SEARCH.search(card.read_text("utf-8")) if card.is_file() else None
        return cls(int(told[1]), float(told[2])) if told else cls()


@dataclass(frozen=True)
class SearchOptions:
    """What to export, where to, and how it searches."""

    export: tyro.conf.OmitArgPrefixes[ExportOptions]
    beam_width: Annotated[int, AtLeast(1)] | None = None
    """Hypotheses that are followed at once for each row; 1 is greedy search. Unless given, as many as the version of
    --run follows, or 5 of a training."""
    length_penalty: Annotated[float, AtLeast(0)] | None = None
    """0 compares hypotheses by their log-probabilities; the higher, the longer what is written (Wu et al. 2016). Unless
    given, that of the version of --run, or 1 of a training."""

    def __post_init__(self) -> None:
        check_ranges(self)

    def search(self) -> Search:
        """How the model searches: as the flags say, or else as it did before."""
        before = Search.of_card(self.export.run)
        return Search(
            before.beam_width if self.beam_width is None else self.beam_width,
            before.length_penalty if self.length_penalty is None else self.length_penalty,
        )
