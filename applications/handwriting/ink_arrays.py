"""Ink in NumPy's archives: strokes packed as steps from point to point, and trajectories of a pen as velocities."""

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from applications.handwriting.ink import GivenInk, Ink, InkError, checked_ink
from common.errors import UserError

PACKED = ("dx", "dy", "starts", "points_per_item", "strokes_per_item", "points_per_stroke")
TRAJECTORIES = ("values", "lengths")

_KINDS = f"arrays {', '.join(PACKED)} (and labels, writer, writers), or {', '.join(TRAJECTORIES)} (and labels, classes)"


def read_arrays(content: bytes, name: str) -> Iterator[GivenInk | InkError]:
    """The ink of a .npz archive of many; in the place of what cannot be used, why.

    Packed strokes are the arrays `dx` and `dy` (the step to each point, 0 for an item's first; y upward), `starts`
    `[items, 2]`, `points_per_item`, `strokes_per_item` and `points_per_stroke`; they may have `labels`, `writer` (a
    number for each item) and `writers` (their names). Trajectories are `values` `[points, 2 or more]`, the speeds in x
    and y (upward), and `lengths`, the points of each; they may have `labels`, which are texts or numbers of `classes`.

    Args:
        content: of the file, unpacked.
        name: of the file, for messages.

    Raises:
        UserError: it is no such archive, or its arrays do not fit together.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except (ValueError, OSError, EOFError, KeyError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{name}: not a whole .npz archive of arrays ({error}); expected {_KINDS}") from None
    if all(key in arrays for key in PACKED):
        return _packed(arrays, name)
    if all(key in arrays for key in TRAJECTORIES):
        return _trajectories(arrays, name)
    raise UserError(f"{name}: the arrays are {', '.join(arrays) or 'none'}; expected {_KINDS}")


def _packed(arrays: Mapping[str, np.ndarray], name: str) -> Iterator[GivenInk | InkError]:
    counts, strokes, sizes = (_counts(arrays, key, name) for key in PACKED[3:])
    items, points = len(counts), int(counts.sum())
    ends = np.cumsum(counts)
    for key, length in {"dx": points, "dy": points, "starts": items, "strokes_per_item": items}.items():
        _require_length(arrays, key, length, name)
    stroke_ends = np.cumsum(sizes)
    per_item = np.cumsum(strokes)
    if not items or per_item[-1] != len(sizes) or not np.array_equal(stroke_ends[per_item - 1], ends):
        raise UserError(f"{name}: points_per_stroke does not add up to points_per_item")
    texts, writers = _labels(arrays, items, name), _writers(arrays, items, name)
    # Steps go on over the items: what they have come to before an item is taken from all its points.
    places = np.empty((points, 2), np.float32)
    firsts = ends - counts
    if arrays["starts"].shape != (items, 2):
        raise UserError(f"{name}: starts has the shape {arrays['starts'].shape}; expected ({items}, 2)")
    for axis, sign in ((0, 1), (1, -1)):
        steps = np.cumsum(
            arrays[PACKED[axis]], dtype=np.float64 if arrays[PACKED[axis]].dtype.kind == "f" else np.int64
        )
        moved = np.repeat(arrays["starts"][:, axis] - steps[firsts], counts)
        places[:, axis] = sign * (steps + moved)
    has_extent = np.any(np.maximum.reduceat(places, firsts) > np.minimum.reduceat(places, firsts), axis=1)
    bounds = [0, *stroke_ends.tolist()]
    pieces = [places[start:end] for start, end in pairwise(bounds)]
    for item, (first, last) in enumerate(pairwise([0, *per_item.tolist()])):
        origin = f"{name}, item {item + 1}"
        ink = Ink(pieces[first:last])
        if not has_extent[item]:
            try:
                ink = checked_ink(ink.strokes, origin)
            except InkError as error:
                yield error
                continue
        yield GivenInk(ink, texts[item], writers[item], origin)


def _trajectories(arrays: Mapping[str, np.ndarray], name: str) -> Iterator[GivenInk | InkError]:
    counts, values = _counts(arrays, "lengths", name), arrays["values"]
    if values.ndim != 2 or values.shape[1] < 2 or values.dtype.kind not in "fiu":
        raise UserError(f"{name}: values has the shape {values.shape}; expected numbers [points, 2 or more]")
    _require_length(arrays, "values", int(counts.sum()), name)
    texts, writers = _labels(arrays, len(counts), name), _writers(arrays, len(counts), name)
    for item, (start, end) in enumerate(pairwise([0, *np.cumsum(counts).tolist()])):
        origin = f"{name}, item {item + 1}"
        speeds = values[start:end, :2].astype(np.float64)
        moving = np.flatnonzero(speeds.any(axis=1))
        stroke = np.cumsum(speeds[moving[0] : moving[-1] + 1], axis=0) if len(moving) else speeds[:1]
        try:
            yield GivenInk(checked_ink([stroke * (1, -1)], origin), texts[item], writers[item], origin)
        except InkError as error:
            yield error


def _counts(arrays: Mapping[str, np.ndarray], key: str, name: str) -> np.ndarray:
    counts = arrays[key]
    if counts.ndim != 1 or counts.dtype.kind not in "iu" or (len(counts) and counts.min() < 1):
        raise UserError(
            f"{name}: {key} is {counts.dtype} {list(counts.shape)}; expected whole numbers from 1"
        )
    return counts.astype(np.int64)


def _require_length(arrays: Mapping[str, np.ndarray], key: str, length: int, name: str) -> None:
    array = arrays[key]
    if not array.ndim or len(array) != length or array.dtype.kind not in "fiu":
        raise UserError(f"{name}: {key} is {array.dtype} {list(array.shape)}; expected {length:,} numbers")


def _labels(arrays: Mapping[str, np.ndarray], items: int, name: str) -> Sequence[str]:
    """The text of each item; "" where there are no labels."""
    if "labels" not in arrays:
        return [""] * items
    return _named(arrays, "labels", "classes", items, name)


def _writers(arrays: Mapping[str, np.ndarray], items: int, name: str) -> Sequence[str]:
    """The writer of each item; "" where they are not told."""
    if "writer" not in arrays:
        return [""] * items
    return _named(arrays, "writer", "writers", items, name)


def _named(
    arrays: Mapping[str, np.ndarray], key: str, names_key: str, items: int, name: str
) -> Sequence[str]:
    """Texts, or numbers of names, or numbers where these have no names."""
    values, names = arrays[key], arrays.get(names_key)
    if values.shape != (items,):
        raise UserError(f"{name}: {key} has the shape {values.shape}; expected ({items},)")
    if names is None or values.dtype.kind not in "iu":
        return [str(value) for value in values.tolist()]
    if names.ndim != 1 or (items and not 0 <= values.min() <= values.max() < len(names)):
        raise UserError(f"{name}: {key} has numbers beyond the {names.size:,} {names_key}")
    return [str(value) for value in names[values].tolist()]
