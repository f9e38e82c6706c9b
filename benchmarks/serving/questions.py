"""What each application is asked: its first declared question, as users send it in TensorFlow Serving's JSON."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from applications import catalogue

Row = Mapping[str, Any]


def body_of(application: str) -> bytes:
    """The body of the request that an application is asked with, always the same."""
    return _body(_row(application))


def bad_body_of(application: str) -> bytes:
    """The body of a request whose row the application cannot answer."""
    return _body(BAD_ROWS[application](_row(application)))


def _row(application: str) -> Row:
    declared = catalogue()[application]
    return declared.questions[0].row(declared.served_input)


def _body(row: Row) -> bytes:
    return json.dumps({"instances": [{name: _as_json(value) for name, value in row.items()}]}).encode()


def _as_json(value: Any) -> Any:
    return {"b64": base64.b64encode(value).decode("ascii")} if isinstance(value, bytes) else value


# Whatever text there is, sentiment_analysis and translation answer it.
BAD_ROWS: Mapping[str, Callable[[Row], Row]] = {
    "image_captioning": lambda row: {"image_bytes": row["image_bytes"][:2000]},
    "speech_commands": lambda row: {"audio_bytes": b"RIFF, but no recording"},
    "text_generation": lambda row: {**row, "temperature": -1.0},
}
