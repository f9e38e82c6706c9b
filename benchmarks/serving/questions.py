"""What each application is asked: one row, as users send it in TensorFlow Serving's JSON."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from applications.sentiment_analysis.sample import FILE as REVIEWS
from applications.speech_commands.synthesis import Voice, synthesize
from benchmarks.image_captioning import drawn_images
from common.audio.files import SAMPLE_RATE, encode_wav
from common.text.tables import read_columns

_SIDE = 480


def body_of(application: str) -> bytes:
    """The body of the request that an application is asked with, always the same."""
    return json.dumps({"instances": [QUESTIONS[application]()]}).encode()


def bad_body_of(application: str) -> bytes:
    """The body of a request whose row the application cannot answer."""
    return json.dumps({"instances": [BAD_QUESTIONS[application]()]}).encode()


def _review() -> Mapping[str, Any]:
    return {"text": read_columns(REVIEWS, ["text"])[0].values[0]}


def _prefix() -> Mapping[str, Any]:
    return {"prefix": "ROMEO:", "length": 50, "temperature": 0.8, "top_k": 0, "top_p": 1.0, "seed": 7}


def _word() -> Mapping[str, Any]:
    spoken = synthesize("yes", Voice())[:SAMPLE_RATE]
    second = np.pad(spoken, (0, SAMPLE_RATE - len(spoken)))
    return {"audio_bytes": _binary(encode_wav(second))}


def _sentence() -> Mapping[str, Any]:
    return {"text": "A man in a blue shirt is standing on a ladder cleaning a window."}


def _picture() -> Mapping[str, Any]:
    return {"image_bytes": _binary(drawn_images(_SIDE, count=1)[0])}


def _binary(content: bytes) -> Mapping[str, str]:
    return {"b64": base64.b64encode(content).decode("ascii")}


QUESTIONS: Mapping[str, Callable[[], Mapping[str, Any]]] = {
    "image_captioning": _picture,
    "sentiment_analysis": _review,
    "speech_commands": _word,
    "text_generation": _prefix,
    "translation": _sentence,
}

# Whatever text there is, sentiment_analysis and translation answer it.
BAD_QUESTIONS: Mapping[str, Callable[[], Mapping[str, Any]]] = {
    "image_captioning": lambda: {"image_bytes": _binary(drawn_images(_SIDE, count=1)[0][:2000])},
    "speech_commands": lambda: {"audio_bytes": _binary(b"RIFF, but no recording")},
    "text_generation": lambda: {**_prefix(), "temperature": -1.0},
}
