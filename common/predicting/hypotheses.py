"""What predictors read of the hypotheses that a model's search gives."""

from collections.abc import Iterator, Sequence

import numpy as np

_LOWEST = np.finfo(np.float32).min


def existing_hypotheses(texts: Sequence[bytes], scores: Sequence[float]) -> Iterator[tuple[bytes, float]]:
    """The hypotheses of one row, the best first, each with its score.

    Args:
        texts: of all hypotheses, `[hypotheses]`.
        scores: theirs, `[hypotheses]`; those that do not exist, where a search found fewer than it was asked for, have
            the lowest float32.

    >>> list(existing_hypotheses([b"a dog", b"a cat", b""], [-0.5, -1.5, float(_LOWEST)]))
    [(b'a dog', -0.5), (b'a cat', -1.5)]
    """
    for text, score in zip(texts, scores, strict=True):
        if score > _LOWEST:
            yield text, float(score)
