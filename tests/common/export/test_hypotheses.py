"""What is served of hypotheses can be written as JSON, also where a row has fewer than were asked for."""

import numpy as np
import tensorflow as tf

from common.decoding.beam import Hypotheses
from common.export.hypotheses import hypothesis_scores, hypothesis_texts

FOUND = Hypotheses(
    tokens=tf.constant([[[5, 6, 2], [7, 2, 0]], [[8, 2, 0], [0, 0, 0]]]),
    lengths=tf.constant([[3, 2], [2, 0]]),
    scores=tf.constant([[-1.0, -2.0], [-0.5, -np.inf]]),
    log_probabilities=tf.constant([[-3.0, -4.0], [-1.0, -np.inf]]),
    recorded=None,
)


def spelt(ids):
    return tf.strings.reduce_join(tf.where(ids == 0, "", tf.strings.as_string(ids)), axis=-1)


def test_each_hypothesis_has_its_text_and_one_that_does_not_exist_an_empty_one():
    texts = hypothesis_texts(FOUND, spelt).numpy().tolist()
    assert texts == [[b"562", b"72"], [b"82", b""]]


def test_a_hypothesis_that_does_not_exist_has_the_lowest_numbers():
    served = hypothesis_scores(FOUND)
    lowest = np.finfo(np.float32).min
    np.testing.assert_array_equal(served["scores"], np.float32([[-1, -2], [-0.5, lowest]]))
    np.testing.assert_array_equal(served["log_likelihoods"], np.float32([[-3, -4], [-1, lowest]]))
