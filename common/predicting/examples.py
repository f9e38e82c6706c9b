"""What a predictor is called with from Python, in the forms in which people have their data: one example or several.

Several come in a list or another sequence, an array or a series, a generator, or a column of a table: a data frame of
pandas or polars, a table of Arrow, a data set of Hugging Face. What can be iterated and is none of these (a dictionary,
a set, an open file, a data frame whose column is not named) is refused, not iterated. No such library is imported here.
"""

import os
import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence, ValuesView
from io import TextIOBase
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from common.errors import UserError
from common.predicting.input_files import read_file

Column: TypeAlias = str | int | tuple[Any, ...] | None
"""What a column of a table is called; None where there is no table."""

_BYTES = bytes | bytearray | memoryview
_SHOWN_BY_VALUE = (str, bytes, int, float, complex, list, tuple, dict, set, frozenset, type(None))
_MOST_COLUMNS = 12
_TEXT = "expected a text (str)"


def texts_of(texts: Any, column: Column = None, name: str = "texts") -> list[str]:
    """The texts that a predictor was called with, as a list: one text alone, or several.

    Raises:
        UserError: naming, by its place in `name`, what is no text, or no valid Unicode.
    """
    if isinstance(texts, str) and column is None:
        return [text_of(texts, name)]
    several = several_of(texts, column, name, f"{_TEXT} or a list of texts")
    return [text_of(text, place) for place, text in several]


def text_of(text: Any, name: str = "text") -> str:
    """The text that a predictor was called with.

    Raises:
        UserError: naming as `name` what is no text, or no valid Unicode.
    """
    if not isinstance(text, str):
        raise UserError(f"{name}: got {described(text)}; {_TEXT}")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        lone = f"a lone surrogate (U+{ord(text[error.start]):04X}) as character {error.start + 1}"
        raise UserError(f"{name}: got {lone}; expected valid Unicode") from None
    return text


def several_of(examples: Any, column: Column, name: str, expected: str) -> list[tuple[str, Any]]:
    """Each of several examples, and what messages call it: `texts[0]`, or `column 'review'[0]`.

    Args:
        examples: a list or the like, or a table.
        column: of a table.
        name: what messages call them together.
        expected: the end of the message that refuses them.

    Raises:
        UserError: they are neither, or the table has no such column.
    """
    if column is None:
        require_several(examples, name, expected)
        return _numbered(examples, name)
    columns = _columns_of(examples)
    if columns is None:
        table = "expected a data frame or another table"
        raise UserError(f"{name}: got {described(examples)} and column={column!r}; {table}")
    return _numbered(_column_of(examples, columns, column), f"column {column!r}")


def require_several(examples: Any, name: str, expected: str) -> None:
    """Raises UserError, which ends with `expected`, if they are not a list or the like: see `several_of`."""
    columns = _columns_of(examples)
    if columns is not None:
        kind = f"a table ({type(examples).__name__}) with {_listed(columns)}"
        raise UserError(f"{name}: got {kind}; expected column= with the name of one")
    if not _is_several(examples):
        raise UserError(f"{name}: got {described(examples)}; {expected}")


def content_of(example: Any, name: str, noun: str) -> tuple[str, bytes] | None:
    """What messages call a file, and its bytes; None where the example stands for no file.

    Args:
        example: a path, bytes, an open file, which is read whole, or the `{"bytes", "path"}` of Hugging Face.
        name: of what has no name of its own.
        noun: what the file is, such as "an image".

    Raises:
        UserError: it cannot be read, or was opened as text.
    """
    if isinstance(example, Mapping) and "bytes" in example:
        path = example.get("path")
        example = path if example["bytes"] is None and path is not None else example["bytes"]
    if isinstance(example, str | os.PathLike):
        path = Path(os.fsdecode(example))
        return str(path), read_file(path, noun)
    if isinstance(example, _BYTES):
        return name, bytes(example)
    return _read_whole(example, name, noun) if is_open_file(example) else None


def is_file(example: Any) -> bool:
    """Whether an example stands for one file: a path, bytes, an open file, or what Hugging Face makes of one."""
    return isinstance(example, str | os.PathLike | _BYTES | Mapping) or is_open_file(example)


def is_open_file(value: Any) -> bool:
    """Whether something can be read as an open file is."""
    return callable(getattr(value, "read", None))


def numbers_of(value: Any) -> np.ndarray | None:
    """The array that something is or makes itself, as tensors and series do; None of what holds no numbers."""
    if not hasattr(value, "__array__") or isinstance(value, type) or _columns_of(value) is not None:
        return None
    try:
        array = np.asarray(value)
    except Exception:  # whatever a library refuses a tensor with that is elsewhere, or sparse
        return None
    return array if array.dtype.kind in "biufc" else None


def described(value: Any) -> str:
    """What something is, in short and on one line: its value and type, or its type, dtype and shape."""
    kind = type(value).__name__
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{value.dtype} {list(value.shape)} ({kind})"
    if is_open_file(value):
        return f"an open {'text ' if isinstance(value, TextIOBase) else ''}file ({kind})"
    return f"{' '.join(reprlib.repr(value).split())} ({kind})" if type(value) in _SHOWN_BY_VALUE else kind


def _is_several(examples: Any) -> bool:
    if isinstance(examples, str | _BYTES) or is_open_file(examples):
        return False
    is_array = hasattr(examples, "__array__") and getattr(examples, "ndim", 1) > 0
    return (
        is_array or isinstance(examples, Sequence | Iterator | ValuesView) or hasattr(examples, "to_pylist")
    )


def _numbered(examples: Iterable[Any], name: str) -> list[tuple[str, Any]]:
    # Arrow would give wrapped values.
    values = examples.to_pylist() if hasattr(examples, "to_pylist") else examples
    return [(f"{name}[{index}]", value) for index, value in enumerate(values)]


def _columns_of(table: Any) -> list[Any] | None:
    """The names of a table's columns; None where there is no table."""
    if isinstance(table, Mapping | type):
        return None
    candidates = (
        getattr(table, "column_names", None),
        getattr(table, "columns", None),
        getattr(getattr(table, "dtype", None), "names", None),
    )
    return next((list(one) for one in candidates if one is not None and not callable(one)), None)


def _column_of(table: Any, columns: Sequence[Any], column: Column) -> Iterable[Any]:
    count = columns.count(column)
    if count != 1:
        problem = "no such column" if count == 0 else f"{count} columns of this name"
        raise UserError(f"column {column!r}: {problem}; expected one of {_listed(columns)}")
    values = table[column]
    if not _is_several(values):
        raise UserError(f"column {column!r}: got {described(values)}; expected a column that can be read")
    examples: Iterable[Any] = values
    return examples


def _listed(columns: Sequence[Any]) -> str:
    shown = ", ".join(map(repr, columns[:_MOST_COLUMNS])) or "(none)"
    return f"the columns {shown}{', ...' if len(columns) > _MOST_COLUMNS else ''}"


def _read_whole(file: Any, name: str, noun: str) -> tuple[str, bytes]:
    own = getattr(file, "name", None)
    called = own if isinstance(own, str) and own else name
    if isinstance(file, TextIOBase):
        raise UserError(f"{called}: got {described(file)}; expected {noun}, opened with 'rb'")
    try:
        if file.seekable():
            file.seek(0)
        content = file.read()
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{called}: cannot be read ({error}); expected {noun}") from None
    if not isinstance(content, _BYTES):
        raise UserError(
            f"{called}: got a file of {type(content).__name__}; expected {noun}, opened with 'rb'"
        )
    return called, bytes(content)
