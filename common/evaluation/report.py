"""Measured values, written to `metrics.json` and shown in the terminal."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from common.cli import console
from common.errors import UserError
from common.files import atomic_write

_PICTURES_UNLESS_CHOSEN = 4
# As many as a terminal of 80 columns shows.
_MOST_COLUMNS = 6
_UNBOUNDED = 10_000


def write_metrics(path: Path, metrics: Mapping[str, Any]) -> None:
    """Writes metrics as JSON, keys in the given order; NumPy's numbers as JSON's own, NaN and infinities as null."""
    text = json.dumps(_plain(metrics), indent=2, ensure_ascii=False, allow_nan=False)
    atomic_write(path, text + "\n")


def print_metrics(metrics: Mapping[str, Any], title: str) -> None:
    """Prints one table of the single values, those of dictionaries among them, and one for each dictionary of rows such
    as `per_class`."""
    metrics = _plain(metrics)
    tables = {name: rows for name, rows in metrics.items() if _has_rows(rows)}
    single = _single({name: value for name, value in metrics.items() if name not in tables})
    table = Table(title=Text(title), title_justify="left", show_header=False)
    table.add_column(overflow="fold")
    table.add_column(justify="right", overflow="fold")
    for name, value in single.items():
        table.add_row(_words(name), _shown(value))
    console().print(table)
    for name, rows in tables.items():
        console().print(_table_of_rows(_words(name), rows))


def numbers_to_draw(
    chosen: Sequence[int] | None, count: int, what: str, flag: str = "--attention"
) -> tuple[int, ...]:
    """The numbers, from 1, of the examples that a report has pictures of: those chosen, or else the first few.

    Args:
        chosen: what the flag was given, if anything.
        count: how many examples there are.
        what: what an example is, such as "an image".
        flag: what chooses them.

    Raises:
        UserError: there is no example of a number.
    """
    if chosen is None:
        return tuple(range(1, min(count, _PICTURES_UNLESS_CHOSEN) + 1))
    for number in chosen:
        if not 1 <= number <= count:
            raise UserError(f"{flag} {number}: expected the number of {what}, from 1 to {count}")
    return tuple(chosen)


def _has_rows(value: Any) -> bool:
    return isinstance(value, Mapping) and any(isinstance(row, Mapping) for row in value.values())


def _single(metrics: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}: {key}": item for key, item in value.items()}
        else:
            flat[name] = value
    return flat


def _table_of_rows(title: Text, rows: Mapping[str, Mapping[str, Any]]) -> Table:
    """With the rows as columns where there are fewer of them and the terminal is too narrow otherwise."""
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    table = _table(title, columns, rows)
    if len(columns) <= len(rows) or (len(columns) <= _MOST_COLUMNS and _fits(table)):
        return table
    turned = {
        column.replace("_", " "): {name: row.get(column) for name, row in rows.items()} for column in columns
    }
    return _table(title, list(rows), turned)


def _table(title: Text, columns: Sequence[str], rows: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("", overflow="fold")
    for column in columns:
        table.add_column(_words(column), justify="right")
    for name, row in rows.items():
        table.add_row(Text(name), *(_shown(row.get(column)) for column in columns))
    return table


def _fits(table: Table) -> bool:
    """Whether the terminal is as wide as the table without broken lines."""
    terminal = console()
    unbounded = terminal.options.update(width=_UNBOUNDED)
    return Measurement.get(terminal, unbounded, table).maximum <= terminal.width


def _words(name: str) -> Text:
    return Text(name.replace("_", " "))


def _shown(value: Any) -> Text:
    if value is None:
        return Text("not defined")
    if isinstance(value, float):
        return Text(f"{value:.4f}")
    return Text(f"{value:,}" if isinstance(value, int) else str(value))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
