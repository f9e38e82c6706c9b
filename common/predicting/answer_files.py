"""Answers in files: a table as CSV, all that is known as JSON lines, or the lines that a terminal would show."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from common import cli
from common.errors import FlagError
from common.files import atomic_write

_REFUSED = (".tsv", ".gz")


def require_answer_file(path: Path | None) -> None:
    """Raises UserError if `path` has a name that `write_answers` cannot live up to."""
    if path is not None and path.suffix.lower() in _REFUSED:
        raise FlagError(
            f"--output {path}: expected a name in .csv for a table, in .jsonl for JSON lines, or any other but "
            f"{' and '.join(_REFUSED)} for plain lines"
        )


def write_answers(
    path: Path,
    records: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    lines: Iterable[str],
    rows: Iterable[Mapping[str, Any]] | None = None,
) -> None:
    """Writes answers as the name of the file asks for, whole or not at all, and says so on standard error.

    Args:
        path: ending in `.jsonl` for an object with all of a record in each line, in `.csv` for a table with a header,
            in any other way for `lines`.
        records: what is known of each answer.
        columns: the keys that a table has.
        lines: the answers as a terminal shows them, without line ends.
        rows: of a table, where they are not the records.
    """
    kind = path.suffix.lower()
    if kind == ".jsonl":
        lines = (json.dumps(record, ensure_ascii=False) for record in records)
    content = (
        _as_csv(records if rows is None else rows, columns)
        if kind == ".csv"
        else "".join(f"{line}\n" for line in lines)
    )
    atomic_write(path, content)
    count = f"{len(records):,} answer{'' if len(records) == 1 else 's'}"
    cli.console(stderr=True).print(f"{count} written to {path}", markup=False)


def _as_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
