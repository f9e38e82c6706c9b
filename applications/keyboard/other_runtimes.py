"""The keyboard's network without its text front end, for LiteRT and ONNX Runtime."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from applications.keyboard.vocabulary import Words
from applications.keyboard.word_numbers import END, FIRST_WORD, NUMBER, SENTENCE_ENDS, UNKNOWN
from common.export.runtimes.core import Core, Example, Graph
from common.export.runtimes.examples import TEXTS
from common.export.runtimes.patterns import ecmascript
from common.text import segmentation
from common.text.character_ngrams import COUNT, LENGTHS, LONGEST
from common.text.normalization import INVISIBLE

_USAGE = (
    "`frontend.js` of the project makes words and their numbers of a text by `frontend.json`. Feed the end of a "
    "line first (token 2), then the complete words of the text. Word k of `words` in `frontend.json`, counted from "
    "0, is token k + 3 and has that place in `logits` too. The `logits` after the last word are scores of all that "
    "may follow, of which those with a 1 in `is_suggested` may be suggested, as `spellings` writes them, if they "
    "begin with the word begun. `ngrams` are the hashed n-grams of a word whose token is 0, and zeros otherwise. "
    "`query` is what the words' vectors are compared with; a cache of the user's own words keeps it."
)


def core(model: keras.Model, words: Words) -> Core:
    """`step`: `token` int32 `[1]`, `ngrams` int32 `[1, 45]` and `states` `[1, n, units]` -> `logits` `[1, words]`,
    `query` `[1, width]`, `states`.

    It answers as the signature `step` of the SavedModel does.
    """
    vectors, queries, stack = (model.get_layer(name) for name in ("vectors", "queries", "states"))
    stack, tied = stack.stack, vectors.tied
    # The tables as the SavedModel has them, which keeps them in float16.
    table, ngram_table = (
        tf.Variable(tf.cast(tf.cast(one.value, tf.float16), tf.float32), name=name, trainable=False)
        for one, name in ((tied.table, "table"), (vectors.ngram_table, "ngrams"))
    )

    def vector(token: tf.Tensor, ngrams: tf.Tensor) -> tf.Tensor:
        is_part = tf.cast(ngrams > 0, tf.float32)
        total = tf.reduce_sum(tf.gather(ngram_table, ngrams) * is_part[..., None], axis=1)
        mean = total / tf.maximum(tf.reduce_sum(is_part, axis=1), 1.0)[:, None]
        known = tf.gather(table, token) * tied.units**0.5
        return tf.where((token == UNKNOWN)[:, None], mean, known)

    def step(token: tf.Tensor, ngrams: tf.Tensor, states: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs, after = stack.step(vector(token, ngrams), tf.unstack(states, axis=1))
        query = queries(outputs)
        logits = tf.matmul(query, table, transpose_b=True) + tied.bias
        return {"logits": logits, "query": query, "states": tf.stack(after, axis=1)}

    inputs = {
        "token": tf.TensorSpec([1], tf.int32),
        "ngrams": tf.TensorSpec([1, COUNT], tf.int32),
        "states": tf.TensorSpec([1, stack.state_count, stack.units], tf.float32),
    }
    return Core(
        Graph("step", step, inputs, states=("states",)),
        frontend(words),
        [_example(text, words) for text in TEXTS],
        scores=("logits",),
        usage=_USAGE,
    )


def frontend(words: Words) -> dict[str, Any]:
    """What makes words and their numbers of a text: tables, and patterns in JavaScript's syntax with its flag u."""
    vocabulary = words.vocabulary
    return {
        "kind": "words",
        "unknown": UNKNOWN,
        "number": NUMBER,
        "line_end": END,
        "first": END,
        "first_word": FIRST_WORD,
        "normalisation": [
            {"replace": ecmascript(INVISIBLE), "by": ""},
            {"compose": 2},
            {"replace": ecmascript(segmentation.LINE_BREAK), "by": segmentation.LINE_END},
            {"replace": ecmascript(segmentation.NOT_LINE_END), "by": " "},
        ],
        "end_of_text": segmentation.END_OF_TEXT,
        "pieces": " +" if vocabulary.at_blanks else ecmascript(segmentation.PIECES),
        "at_blanks": vocabulary.at_blanks,
        "is_word": ecmascript(segmentation.WORD),
        "is_number": ecmascript(segmentation.NUMBER),
        "fold": [] if vocabulary.at_blanks else [{"replace": "’", "by": "'"}, {"lower": True}],
        "ngrams": {
            "lengths": list(LENGTHS),
            "longest": LONGEST,
            "count": COUNT,
            "buckets": words.buckets,
            "hash": "farmhash fingerprint64",
        },
        "sentence_ends": [segmentation.LINE_END, *SENTENCE_ENDS],
        "words": list(vocabulary.words),
        "spellings": list(vocabulary.spellings),
        "is_suggested": [int(one) for one in vocabulary.is_suggested[FIRST_WORD:]],
    }


def _example(text: str, words: Words) -> Example:
    spellings, _ = words.segment(tf.constant([text]))
    flat = tf.concat([[segmentation.LINE_END], spellings.flat_values], axis=0)
    numbers = words.numbers(flat)
    grams = tf.where((numbers == UNKNOWN)[:, None], words.ngrams(flat), 0)
    return Example(text, {"token": numbers.numpy()[:, None], "ngrams": np.asarray(grams)[:, None]})
