"""What models that search serve of their hypotheses."""

from collections.abc import Callable

import tensorflow as tf

from common.decoding.beam import Hypotheses


def hypothesis_texts(hypotheses: Hypotheses, detokenize: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """The texts of all hypotheses, strings `[batch, hypotheses]`; of those that do not exist, "".

    Args:
        hypotheses: of `beam_search`.
        detokenize: ids `[rows, time]` -> strings `[rows]`.
    """
    batch, count, time = tf.unstack(tf.shape(hypotheses.tokens))
    return tf.reshape(detokenize(tf.reshape(hypotheses.tokens, [batch * count, time])), [batch, count])


def hypothesis_scores(hypotheses: Hypotheses) -> dict[str, tf.Tensor]:
    """`scores` and `log_likelihoods`, `[batch, hypotheses]` each; of hypotheses that do not exist the lowest float32,
    as JSON has no infinity."""
    exists, lowest = tf.math.is_finite(hypotheses.scores), tf.float32.min
    return {
        "scores": tf.where(exists, hypotheses.scores, lowest),
        "log_likelihoods": tf.where(exists, hypotheses.log_probabilities, lowest),
    }
