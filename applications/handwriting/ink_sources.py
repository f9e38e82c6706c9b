"""Ink with its texts from prepared arrays."""

import io
import itertools
import lzma
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from applications.handwriting.ink import Ink, Writings


@dataclass(frozen=True)
class InkSource:
    """Where ink comes from."""

    data: str = "sample"
    """A file of prepared arrays (.npz.xz)."""


def read_arrays(path: Path) -> Writings:
    """All ink of a file."""
    arrays = np.load(io.BytesIO(lzma.decompress(path.read_bytes())), allow_pickle=False)
    deltas = np.stack([arrays["dx"], arrays["dy"]], axis=1).astype(np.int64)
    items = np.concatenate([[0], np.cumsum(arrays["points_per_item"].astype(np.int64))])
    strokes = np.concatenate([[0], np.cumsum(arrays["points_per_stroke"].astype(np.int64))])
    of_items = np.concatenate([[0], np.cumsum(arrays["strokes_per_item"].astype(np.int64))])
    inks = []
    for item, (start, end) in enumerate(itertools.pairwise(items)):
        place = arrays["starts"][item] + np.cumsum(deltas[start:end], axis=0)
        place = (place * np.array([1, -1])).astype(np.float32)
        cuts = strokes[of_items[item] + 1 : of_items[item + 1]] - start
        inks.append(Ink(np.split(place, cuts)))
    writers = [str(arrays["writers"][writer]) for writer in arrays["writer"]]
    origins = [f"{path.name}, item {number}" for number in range(1, len(inks) + 1)]
    return Writings(str(path), inks, [str(label) for label in arrays["labels"]], writers, origins)


def load_training(
    source: InkSource, sample: Callable[[str], Writings], validation: Path | None, fraction: float
) -> tuple[Writings, Writings]:
    """Training and validation ink."""
    assert validation is not None
    return read_arrays(Path(source.data)), read_arrays(validation)


def load_evaluation(source: InkSource, sample: Callable[[str], Writings]) -> Writings:
    """What to measure on."""
    return read_arrays(Path(source.data))
