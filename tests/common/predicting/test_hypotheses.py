"""Predictors read the hypotheses that a model serves, and none that do not exist."""

import numpy as np
import tensorflow as tf

from common.decoding.beam import Hypotheses
from common.export.hypotheses import hypothesis_scores
from common.predicting.hypotheses import existing_hypotheses

TEXTS = np.array([[b"a dog", b"a cat"], [b"", b""], [b"", b""]], object)
SCORES = np.float32([[-0.5, -1.5], [-3e38, -np.inf], [-np.inf, -np.inf]])


def test_only_hypotheses_that_the_search_found_are_read_from_what_an_export_serves():
    zeros = tf.zeros([3, 2], tf.int32)
    served = hypothesis_scores(
        Hypotheses(zeros[..., None], zeros, tf.constant(SCORES), tf.constant(SCORES), None)
    )
    rows = [list(existing_hypotheses(*row)) for row in zip(TEXTS, served["scores"].numpy(), strict=True)]
    # An empty text that was found is one.
    assert rows == [[(b"a dog", -0.5), (b"a cat", -1.5)], [(b"", float(SCORES[1, 0]))], []]
