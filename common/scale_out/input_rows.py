"""Rows of texts in files that lie anywhere that Beam reads from, as the scripts `predict` read them."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import copyfileobj

from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems

from common.errors import UserError
from common.predicting.texts import GivenText, given_rows, input_columns
from common.scale_out.example_files import example_rows, holds_examples
from common.text.delimited import Fault
from common.text.tables import NoRowsError, NoUsableRowError, TableFormat

NOT_READ = "not read"
"""The reason of the fault of a whole file, whose detail tells which it is."""


def files_of(patterns: Sequence[str]) -> list[str]:
    """The files that patterns name, in order, each once.

    Args:
        patterns: paths, of a file system that Beam knows, with `*`, `?` and `[...]`.

    Raises:
        UserError: a pattern names none, or its file system cannot be asked.
    """
    files: dict[str, None] = {}
    for pattern in patterns:
        try:
            (result,) = FileSystems.match([pattern])
        except (BeamIOError, ValueError) as error:
            raise UserError(f"--input {pattern}: {error}") from None
        if not result.metadata_list:
            raise UserError(f"--input {pattern}: no such file")
        files |= dict.fromkeys(sorted(file.path for file in result.metadata_list))
    return list(files)


def rows_of(file: str, column: str, form: TableFormat) -> Iterator[GivenText | Fault]:
    """The rows of a file; where one cannot be read, what is wrong with it, and where the file cannot, the same.

    An empty file has no rows: other programs write parts so. A row with bytes that are not in the encoding is a fault
    of that row alone.

    Args:
        file: its name, by which its kind is known.
        column: that holds the texts of a table, or the feature that does so.
        form: how the file is written.
    """
    try:
        with _local(file) as path:
            for row in _local_rows(path, column, form):
                yield row if path == Path(file) else _renamed(row, str(path), file)
    except (NoRowsError, NoUsableRowError):
        return
    except UserError as error:
        yield Fault(file, NOT_READ, str(error))


def require_readable(files: Sequence[str], column: str, form: TableFormat) -> None:
    """Raises UserError if no row of any of the files can be read; files without rows are no fault."""
    first: Fault | None = None
    for file in files:
        for row in rows_of(file, column, form):
            if isinstance(row, GivenText):
                return
            first = first or row
    if first is not None:
        place = "" if first.reason == NOT_READ else f"{first.place}: "
        raise UserError(f"{place}{first.detail}; no row of --input can be read")


def columns_of(files: Sequence[str], column: str, form: TableFormat) -> list[str]:
    """The columns beside the texts' that any of the files has, in order; a file that cannot be read has none."""
    names: dict[str, None] = {}
    for file in files:
        try:
            with _local(file) as path:
                names |= dict.fromkeys(_local_columns(path, column, form))
        except UserError:
            continue
    return list(names)


def _local_rows(path: Path, column: str, form: TableFormat) -> Iterator[GivenText | Fault]:
    if holds_examples(path.name):
        return example_rows(path, column)
    return given_rows(path, column, form, keeps_bytes=True)


def _local_columns(path: Path, column: str, form: TableFormat) -> Sequence[str]:
    if not holds_examples(path.name):
        return input_columns(path, column, form, keeps_bytes=True)
    rows = example_rows(path, column)
    return list(dict.fromkeys(name for row in rows if isinstance(row, GivenText) for name in row.others))


def _renamed(row: GivenText | Fault, copy: str, file: str) -> GivenText | Fault:
    """A row of a copy that says where it stands by the name that the user knows."""
    place = row.place.replace(copy, file)
    if isinstance(row, GivenText):
        return replace(row, place=place)
    return replace(row, place=place, detail=row.detail.replace(copy, file))


@contextmanager
def _local(file: str) -> Iterator[Path]:
    """The file itself, or a copy for the time of the block where it lies elsewhere.

    Raises:
        UserError: it cannot be read.
    """
    if FileSystems.get_scheme(file) is None:
        yield Path(file)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file.rpartition("/")[2]
        try:
            source = FileSystems.open(file, compression_type=CompressionTypes.UNCOMPRESSED)
            with source, path.open("wb") as copy:
                copyfileobj(source, copy)
        except BeamIOError as error:
            raise UserError(f"{file}: {error}") from None
        try:
            yield path
        except (NoRowsError, NoUsableRowError):
            raise
        except UserError as error:
            raise UserError(str(error).replace(str(path), file)) from None
