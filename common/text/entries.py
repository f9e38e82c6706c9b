"""What a person wrote over time, from the files that such texts come in: notes, a diary, messages, reviews."""

import json
import re
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.text.running import RawText, read_text
from common.text.tables import JSON, Table, TableFormat, is_table, iterate_lines, suffix_of

TEXT_KEYS = ("text", "paragraphs", "content", "message", "body", "sentence")
"""The keys under which an entry has its text, the first that it has."""
DATE_KEY = "date"

_BREAK = re.compile(r"(?i)<\s*br\s*/?\s*>")


def read_entries(path: Path, encoding: str) -> RawText:
    """The text of a file, an entry after another, a paragraph in each line.

    JSON lines hold an entry each: a text, a list of paragraphs or utterances, or an object that has one of these under
    a key of `TEXT_KEYS`; where all have a `date`, they come in the order of the dates. A table (.csv, .tsv, .parquet)
    has them in its column `text`. Any other file is the text itself.

    Raises:
        UserError: the file cannot be read, or an entry has no text.
    """
    if suffix_of(path) in JSON:
        return RawText(str(path), _json_text(path, encoding))
    if is_table(path):
        rows = Table(path, ("text",), TableFormat(encoding=encoding))
        return RawText(str(path), "\n".join(_BREAK.sub("\n", row.values[0]) for row in rows))
    return read_text(path, encoding)


def _json_text(path: Path, encoding: str) -> str:
    entries, texts = [], []
    for number, line in enumerate(iterate_lines(path, encoding), start=1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{place}: not valid JSON ({error}); expected JSON lines") from None
        entries.append(entry)
        texts.append(_text_of(entry, place))
    return "\n".join(texts[index] for index in _by_date(entries))


def _text_of(entry: Any, place: str) -> str:
    keys = [key for key in TEXT_KEYS if key in entry] if isinstance(entry, dict) else []
    content = entry[keys[0]] if keys else entry
    if isinstance(content, list) and all(isinstance(paragraph, str) for paragraph in content):
        return "\n".join(content)
    if isinstance(content, str):
        return content
    raise UserError(
        f"{place}: no text; expected a text, a list of texts, or an object with one under {', '.join(TEXT_KEYS)}"
    )


def _by_date(entries: list[Any]) -> list[int]:
    """The places of entries in the order of their dates, where all have one of a kind."""
    order = list(range(len(entries)))
    dates = [entry.get(DATE_KEY) if isinstance(entry, dict) else None for entry in entries]
    return sorted(order, key=lambda index: str(dates[index])) if all(map(_is_date, dates)) else order


def _is_date(value: Any) -> bool:
    return isinstance(value, str) and value != ""
