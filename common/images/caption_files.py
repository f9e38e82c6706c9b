"""The captions of images from the files people have: tables, token files as of Flickr8k, JSON as of COCO."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.text.files import iterate_text_lines, read_text_file
from common.text.tables import Table, TableFormat, is_table, read_lines, suffix_of

KINDS = (
    "a .tsv or .csv with the columns image and caption (or file_name and text), a .jsonl or .parquet of these, a token "
    "file of lines <image>#<number><tab><caption>, or a .json as of COCO (.gz too)"
)
IN_FOLDER = (
    "metadata.jsonl",
    "metadata.csv",
    "metadata.parquet",
    "captions.txt",
    "captions.csv",
    "captions.tsv",
)
"""How files of captions are called that lie beside their images, as Hugging Face and Kaggle have them."""

_IMAGE = ("image", "file_name", "filename", "image_name", "file")
_CAPTION = ("caption", "text", "comment", "sentence", "description")
_LONGEST_OBJECT = 2**20
_SEPARATORS = (",", "\t", "|", ";")


def read_captions(path: Path, form: TableFormat | None = None) -> tuple[dict[str, list[str]], dict[str, int]]:
    """The captions of each image, by its name as the file has it, in the file's order; and what was left out.

    Args:
        path: a table with the columns `image` and `caption`, or `file_name` and `text` (see `common.text.tables`), of
            any name if its first line has these columns; a JSON as of COCO, with `images` that have an `id` and a
            `file_name`, and `annotations` that have an `image_id` and a `caption` (an image that is not listed goes by
            its id); or any other text file, with lines as of Flickr8k's token file, `name.jpg#0<tab>caption`. Each may
            be gzipped (.gz).
        form: how the file is written.

    Raises:
        UserError: the file is missing, not in its encoding, empty, or not of its kind.
    """
    form = form or TableFormat()
    left_out: dict[str, int] = {}
    if suffix_of(path) == ".json" and not _has_lines(path, form):
        pairs = _json_pairs(path, form.encoding)
    elif is_table(path, form) or (form := _sniffed(path, form)).delimiter:
        pairs, left_out = _table_pairs(path, form)
    else:
        pairs = _token_pairs(path, form.encoding)
    captions: dict[str, list[str]] = {}
    for name, caption in pairs:
        captions.setdefault(name, []).append(caption)
    if not captions:
        raise UserError(f"{path}: no captions in it; expected {KINDS}")
    return captions, left_out


def captions_in(folder: Path) -> Path | None:
    """The file of captions that lies in a folder of images, if there is one."""
    return next((folder / name for name in IN_FOLDER if (folder / name).is_file()), None)


def _first_line(path: Path, form: TableFormat) -> str:
    return next(
        (line for line in iterate_text_lines(path, encoding=form.encoding) if line.strip()), ""
    ).strip()


def _has_lines(path: Path, form: TableFormat) -> bool:
    """Whether a .json is of JSON lines, or a list of objects, that name images."""
    line = _first_line(path, form)
    if line.startswith("{") and len(line) > _LONGEST_OBJECT:
        return False
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return line.startswith("[") and line.lstrip("[ \t")[:1] in ("", "{")
    entry = value[0] if isinstance(value, list) and value else value
    return isinstance(entry, dict) and _column(list(entry), _IMAGE) is not None


def _sniffed(path: Path, form: TableFormat) -> TableFormat:
    """The format with the delimiter between the columns that the first line names, if it does."""
    line = _first_line(path, form)
    for separator in _SEPARATORS:
        names = [name.strip(' "') for name in line.split(separator)]
        if _column(names, _IMAGE) is not None and _column(names, _CAPTION) is not None:
            return replace(form, delimiter=separator)
    return form


def _column(names: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The first of the wanted names that is there, as it is written, whatever its case and blanks."""
    written = {name.strip().casefold(): name for name in reversed(names)}
    return next((written[name] for name in wanted if name in written), None)


def _table_pairs(path: Path, form: TableFormat) -> tuple[list[tuple[str, str]], dict[str, int]]:
    names = Table(path, (), form).other_columns()
    columns = (_column(names, _IMAGE) or _IMAGE[0], _column(names, _CAPTION) or _CAPTION[0])
    table = Table(path, columns, form)
    pairs = [(name, caption) for name, caption in (row.values for row in table)]
    return pairs, table.left_out


def _token_pairs(path: Path, encoding: str) -> list[tuple[str, str]]:
    pairs = []
    for number, line in enumerate(read_lines(path, encoding), start=1):
        key, tab, caption = line.partition("\t")
        name, _, index = key.rpartition("#")
        if line.strip() and not (tab and name and index.isdecimal()):
            raise UserError(
                f"{path}, line {number}: expected <image>#<number><tab><caption>; captions are read from {KINDS}"
            )
        if line.strip():
            pairs.append((name, caption))
    return pairs


def _json_pairs(path: Path, encoding: str) -> list[tuple[str, str]]:
    try:
        content = json.loads(read_text_file(path, encoding=encoding))
    except (json.JSONDecodeError, RecursionError) as error:
        raise UserError(f"{path}: not valid JSON ({error}); expected captions as of COCO") from None
    images = _entries(path, content, "images", {"id": int | str, "file_name": str})
    annotations = _entries(path, content, "annotations", {"image_id": int | str, "caption": str})
    names = {image["id"]: image["file_name"] for image in images}
    return [
        (names.get(annotation["image_id"], str(annotation["image_id"])), annotation["caption"])
        for annotation in annotations
    ]


def _entries(path: Path, content: Any, key: str, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The objects under a key, if each has all of the fields.

    Raises:
        UserError: naming the first that does not.
    """
    entries = content.get(key) if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise UserError(
            f"{path}: no list {key!r}; expected captions as of COCO, with `images` and `annotations`"
        )
    for number, entry in enumerate(entries):
        for field, kind in fields.items():
            if not isinstance(entry, dict) or not isinstance(entry.get(field), kind):
                raise UserError(f"{path}: {key}[{number}] has no {field!r}; expected captions as of COCO")
    return entries
