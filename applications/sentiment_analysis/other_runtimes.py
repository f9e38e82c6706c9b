"""The classifier from the features of tokens on, for LiteRT and ONNX Runtime."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from applications.sentiment_analysis.model import logits_without_padding
from common.errors import UserError
from common.export.runtimes.core import Core, Example, Graph
from common.export.runtimes.examples import TEXTS
from common.export.runtimes.patterns import ecmascript
from common.layers.portability import plain_loops
from common.text import word_features
from common.text.word_features import FEATURES, TextFeatures

_USAGE = (
    "`frontend.js` of the project makes the features of a text by `frontend.json`: for each token its number and four "
    "hashed affixes. `probabilities` are those of the labels in `labels.json`. A text of any length goes in as it is, "
    "without padding."
)
_IGNORES_CASE = "(?i)"


def core(model: keras.Model, features: TextFeatures, labels: Sequence[str], temperature: float) -> Core:
    """`encode`: `features` int32 `[1, time, 5]` of a text -> calibrated `probabilities` `[1, classes]`.

    It answers as the signature `serving_default` of the SavedModel does.

    Raises:
        UserError: the model reads texts as other languages cannot.
    """
    if features.version != word_features.LATEST:
        raise UserError(
            f"text_version {features.version}: its affixes are hashed by FarmHash, which JavaScript lacks; expected a "
            f"model that was trained with --text-version {word_features.LATEST}"
        )

    def encode(features: tf.Tensor) -> dict[str, tf.Tensor]:
        with plain_loops(model):
            return {"probabilities": tf.nn.softmax(logits_without_padding(model, features) / temperature)}

    inputs = {"features": tf.TensorSpec([1, None, FEATURES], tf.int32)}
    return Core(
        Graph("encode", encode, inputs),
        frontend(features),
        [Example(text, {"features": features(tf.constant([text])).numpy()[None]}) for text in TEXTS],
        scores=("probabilities",),
        labels=tuple(labels),
        usage=_USAGE,
    )


def frontend(features: TextFeatures) -> dict[str, Any]:
    """What makes features of a text: tables, and patterns in JavaScript's syntax with its flag u."""
    return {
        "kind": "features",
        "unknown": word_features.UNKNOWN,
        "first_word": word_features.FIRST_WORD,
        "normalisation": [
            {
                "replace": ecmascript(word_features.LINE_BREAK_TAG.removeprefix(_IGNORES_CASE)),
                "by": " ",
                "flags": "i",
            },
            *({"replace": entity, "by": character} for entity, character in word_features.ENTITIES),
            {"replace": word_features.APOSTROPHES, "by": "'"},
            {"replace": ecmascript(word_features.INVISIBLE), "by": ""},
            {"replace": ecmascript(word_features.BLANK), "by": " "},
            {"lower": True},
            {"replace": ecmascript(word_features.CONTRACTION), "by": "$1"},
            {"replace": ecmascript(word_features.UNSPACED_SCRIPT), "by": " $1 "},
            {"replace": ecmascript(word_features.TOKEN), "by": " $1 "},
        ],
        "longest_token": word_features.LONGEST_TOKEN,
        "max_tokens": features.max_tokens,
        "affixes": [{"kind": kind, "letters": letters} for kind, letters in word_features.AFFIXES],
        "affix_buckets": features.affix_buckets,
        "hash": {
            "name": "fnv-1a 32",
            "offset": word_features.FNV_OFFSET,
            "prime": word_features.FNV_PRIME,
        },
        "words": list(features.words),
    }
