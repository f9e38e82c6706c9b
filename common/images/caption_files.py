"""The captions of images from the files people have: tables, token files as of Flickr8k, JSON as of COCO."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.text.files import is_gzipped, read_text_file
from common.text.tables import is_table, read_columns, read_lines

KINDS = (
    "a .tsv or .csv with the columns image and caption, a token file of lines <image>#<number><tab><caption>, or a "
    ".json as of COCO (.gz too)"
)
_COLUMNS = ("image", "caption")


def read_captions(path: Path) -> dict[str, list[str]]:
    """The captions of each image, by its name as the file has it, in the file's order.

    Args:
        path: a TSV or CSV with the columns `image` and `caption`; a JSON as of COCO, with `images` that have an `id`
            and a `file_name`, and `annotations` that have an `image_id` and a `caption` (an image that is not listed
            goes by its id); or any other text file, with lines as of Flickr8k's token file,
            `name.jpg#0<tab>caption`. Each may be gzipped (.gz).

    Raises:
        UserError: the file is missing, not UTF-8, empty, or not of its kind.
    """
    if is_table(path):
        pairs = [(name, caption) for name, caption in (row.values for row in read_columns(path, _COLUMNS))]
    elif _is_json(path):
        pairs = _json_pairs(path)
    else:
        pairs = _token_pairs(path)
    captions: dict[str, list[str]] = {}
    for name, caption in pairs:
        captions.setdefault(name, []).append(caption)
    if not captions:
        raise UserError(f"{path}: no captions in it; expected {KINDS}")
    return captions


def _is_json(path: Path) -> bool:
    return (path.with_suffix("") if is_gzipped(path) else path).suffix.lower() == ".json"


def _token_pairs(path: Path) -> list[tuple[str, str]]:
    pairs = []
    for number, line in enumerate(read_lines(path), start=1):
        key, tab, caption = line.partition("\t")
        name, _, index = key.rpartition("#")
        if line.strip() and not (tab and name and index.isdecimal()):
            raise UserError(
                f"{path}, line {number}: expected <image>#<number><tab><caption>; captions are read from {KINDS}"
            )
        if line.strip():
            pairs.append((name, caption))
    return pairs


def _json_pairs(path: Path) -> list[tuple[str, str]]:
    try:
        content = json.loads(read_text_file(path))
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
