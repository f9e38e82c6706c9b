"""What signatures answer with that search labels in logits, in the graph, whatever the logits were made from."""

import tensorflow as tf

from common.decoding.label_words import words_of
from common.errors import ROW_ERROR
from common.export.label_search import Labels, Search
from common.row_errors import first_fault, neutral_where
from common.text.symbols import Symbols

Tensors = dict[str, tf.Tensor]


def text_answer(symbols: Symbols, labels: Labels, temperature: float, error: tf.Tensor) -> Tensors:
    """`text` strings `[batch]`, `confidence` `[batch]`, the mean of its words' (1 where there are none), and `error`.

    Args:
        symbols: what the numbers stand for.
        labels: what was read.
        temperature: what the log-odds of a confidence are divided by (Guo et al. 2017).
        error: strings `[batch]`.
    """
    places = (labels.first_frames, labels.last_frames, labels.probabilities)
    words = words_of(symbols, labels.numbers, *places, temperature)
    mean = tf.math.divide_no_nan(tf.reduce_sum(words.confidence, axis=1), tf.cast(words.count, tf.float32))
    return {"text": words.texts(), "confidence": tf.where(words.count > 0, mean, 1.0), ROW_ERROR: error}


def n_best_answer(
    search: Search,
    logits: tf.Tensor,
    frames: tf.Tensor,
    lm_weight: tf.Tensor,
    length_bonus: tf.Tensor,
    error: tf.Tensor,
) -> Tensors:
    """`texts` and `scores` `[batch, beam width]`, the best first, and `error`; the lowest float32 stands for the score
    of none.

    Args:
        search: looks for them.
        logits: `[batch, frames, symbols]`.
        frames: `[batch]`, how many of each row are real.
        lm_weight: `[batch]`, of the language model.
        length_bonus: `[batch]`, what each symbol adds.
        error: strings `[batch]`.
    """
    is_odd = ~(tf.math.is_finite(lm_weight) & tf.math.is_finite(length_bonus))
    weight, bonus = (neutral_where(is_odd, values) for values in (lm_weight, length_bonus))
    best = search.n_best(logits, frames, weight, bonus)
    texts = search.symbols.texts(best.numbers)
    return {
        "texts": tf.strings.strip(tf.strings.regex_replace(texts, " +", " ")),
        "scores": tf.where(tf.math.is_finite(best.scores), best.scores, tf.float32.min),
        ROW_ERROR: first_fault(
            (error != "", error),
            (is_odd, "lm_weight, length_bonus: expected numbers, got NaN or an infinite one"),
            (best.error != "", best.error),
        ),
    }
