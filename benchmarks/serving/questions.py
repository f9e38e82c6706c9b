"""What each application is asked: its first declared question, as users send it in TensorFlow Serving's JSON."""

from collections.abc import Callable, Mapping
from typing import Any

from applications import catalogue
from common.serving.json_values import request_body

Row = Mapping[str, Any]


def body_of(application: str) -> bytes:
    """The body of the request that an application is asked with, always the same."""
    return request_body(_row(application))


def bad_body_of(application: str) -> bytes:
    """The body of a request whose row the application cannot answer."""
    return request_body(BAD_ROWS[application](_row(application)))


def _row(application: str) -> Row:
    declared = catalogue()[application]
    return declared.questions[0].row(declared.served_input)


# Whatever text there is, sentiment_analysis and translation answer it.
BAD_ROWS: Mapping[str, Callable[[Row], Row]] = {
    "image_captioning": lambda row: {"image_bytes": row["image_bytes"][:2000]},
    "forecasting": lambda row: {**row, "time": row["time"][::-1].copy()},
    "speech_commands": lambda row: {"audio_bytes": b"RIFF, but no recording"},
    "text_generation": lambda row: {**row, "temperature": -1.0},
}
