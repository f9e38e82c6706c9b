"""Files of labelled windows, as the Numenta Anomaly Benchmark keeps them: a JSON object of each file's windows."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from common.data.packed_files import unpacked_name
from common.errors import UserError
from common.series.readings import Recording

USUAL_NAME = "combined_windows.json"
_FORM = 'an object such as {"pumps/one.csv": [["2014-04-10 07:15:00", "2014-04-11 16:45:00"]]}'

Window = tuple[int, int]


@dataclass(frozen=True)
class WindowFile:
    """Windows of anomalies by the name of the file or series that they are in.

    Attributes:
        path: of the file.
        windows: first and last time of each, by names without their endings.
    """

    path: Path
    windows: Mapping[str, Sequence[Window]]

    def name_of(self, name: str, folder: str = "") -> str | None:
        """The entry for a series: that of its name, or the only one that ends with it; None if there is none.

        Args:
            name: of the series, such as nyc_taxi or realKnownCause/nyc_taxi.
            folder: that it lies in, by which one is told from others of the same name.
        """
        if name in self.windows:
            return name
        alike = [key for key in self.windows if key.endswith(f"/{name}")]
        if len(alike) > 1:
            alike = [key for key in alike if key == f"{folder}/{name}"]
        return alike[0] if len(alike) == 1 else None


def read_windows(path: Path) -> WindowFile:
    """The windows of a file.

    Times are as texts of ISO 8601, whose fractions of a second are cut, or numbers of rows or cycles.

    Raises:
        UserError: it is no such file, naming the entry that is none.
    """
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"--windows {path}: {error.strerror}; expected a JSON file: {_FORM}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not valid JSON ({error}); expected {_FORM}") from None
    if not isinstance(value, Mapping):
        raise UserError(f"{path}: {_shown(value)} is no object; expected {_FORM}")
    return WindowFile(path, {without_ending(key): _windows(path, key, given) for key, given in value.items()})


def windows_beside(folder: Path) -> Path | None:
    """The file of windows of a folder of series: in it, in one of the two above it, or in `labels` in one of these."""
    bases = [folder, *folder.absolute().parents[:2]]
    places = (place for base in bases for place in (base / USUAL_NAME, base / "labels" / USUAL_NAME))
    return next((place for place in places if place.is_file()), None)


def without_ending(name: str) -> str:
    """The name of a table without what tells its kind and its packing.

    >>> without_ending("realKnownCause/nyc_taxi.csv.gz"), without_ending("pump 1.5")
    ('realKnownCause/nyc_taxi', 'pump 1.5')
    """
    plain = unpacked_name(name)
    endings = (".csv", ".tsv", ".txt", ".parquet")
    ending = next((one for one in endings if plain.lower().endswith(one)), None)
    return plain[: -len(ending)] if ending else name


def labelled_by(recording: Recording, file: WindowFile, key: str, place: str, is_counted: bool) -> Recording:
    """The recording with the windows of an entry.

    Args:
        recording: without them.
        file: of the windows.
        key: of the entry.
        place: of the recording, for messages.
        is_counted: whether its times are numbers of rows or cycles.

    Raises:
        UserError: a window ends before it begins, or reaches beyond the rows, or has none in it.
    """
    times, windows = recording.times, []
    for first, last in file.windows[key]:
        inside = np.searchsorted(times, first, "left"), np.searchsorted(times, last, "right") - 1
        said = f"{file.path}, {key!r}: window from {_time(first, is_counted)} to {_time(last, is_counted)}"
        if first > last:
            raise UserError(f"{said} ends before it begins; expected the first time first")
        if not len(times) or first < times[0] or last > times[-1]:
            there = (
                f"{_time(times[0], is_counted)} to {_time(times[-1], is_counted)}" if len(times) else "none"
            )
            raise UserError(f"{said} is outside the times of {place}; expected it within {there}")
        if inside[0] > inside[1]:
            raise UserError(f"{said} has no row of {place} in it; expected one at least")
        windows.append(inside)
    return replace(recording, windows=np.array(windows, np.int64).reshape(-1, 2))


def _windows(path: Path, key: str, given: Any) -> list[Window]:
    pairs = given if isinstance(given, list) else [given]
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2:
            raise UserError(
                f"{path}, {key!r}: {_shown(pair)} is no window; expected pairs of a first and a last time"
            )
    return [(_seconds(path, key, first), _seconds(path, key, last)) for first, last in pairs]


def _seconds(path: Path, key: str, time: Any) -> int:
    if type(time) is int and abs(time) < 2**53:
        return time
    if isinstance(time, str) and time:
        try:
            stamp = datetime.fromisoformat(time.strip())
            return math.floor((stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)).timestamp())
        except (ValueError, OverflowError):
            pass
    raise UserError(
        f'{path}, {key!r}: {_shown(time)} is no time; expected such as "2014-04-10 07:15:00", or a whole number'
    )


def _time(seconds: int, is_counted: bool) -> str:
    return f"{seconds:,}" if is_counted else str(np.datetime64(int(seconds), "s")).replace("T", " ")


def _shown(value: Any) -> str:
    """The beginning of a value as JSON has it."""
    return json.dumps(value)[:40]
