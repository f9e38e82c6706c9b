"""What is wrong with a user's state in a request: one line for each row, in the graph."""

import numpy as np
import tensorflow as tf

from applications.keyboard.faults import Fault, finite_fault, range_fault
from applications.keyboard.user_state import (
    MOST_COUNT,
    MOST_SIGHTINGS,
    NONE,
    WORD_BYTES,
    Sizes,
    UserState,
)
from common.row_errors import first_fault

_MOST = int(np.iinfo(np.int32).max) - 1


def state_fault(states: UserState, sizes: Sizes) -> tf.Tensor:
    """Why each user's state cannot be one, "" where it can: strings `[batch]`.

    A state without a fault can be learned into and suggested from, whatever is in it.

    Example:
        >>> from applications.keyboard.user_state import empty_state, stacked
        >>> sizes = Sizes(words=5, width=4, network=5)
        >>> state = empty_state(sizes)._replace(clock=np.int32(-1))
        >>> state_fault(UserState(*map(tf.constant, stacked(state))), sizes).numpy().tolist()
        [b'clock: expected 0 to 2147483646']
    """
    last = sizes.numbers - 1
    word, before, previous, count, sightings, used, bias, slot = tf.unstack(states.recent, axis=2)
    return first_fault(
        *(_length_fault(name, getattr(states, name)) for name in ("lexicon_words", "blocked")),
        range_fault("lexicon_sightings", states.lexicon_sightings, 0, MOST_SIGHTINGS),
        range_fault("lexicon_required", states.lexicon_required, 0, 100),
        range_fault("lexicon_since", states.lexicon_since, 0, _MOST),
        range_fault("lexicon_used", states.lexicon_used, 0, _MOST),
        *(finite_fault(name, getattr(states, name)) for name in ("cache_scales", "network")),
        *(
            range_fault(name, getattr(states, name), NONE, last)
            for name in ("cache_words", "count_words", "count_contexts")
        ),
        range_fault("counts", states.counts, 0, MOST_COUNT),
        range_fault("count_since", states.count_since, 0, int(np.iinfo(np.uint16).max)),
        range_fault("passed", states.passed[:, :, :3], NONE, last),
        range_fault("recent", tf.stack([word, before, previous], axis=1), NONE, last),
        range_fault("recent", tf.stack([count, sightings, used], axis=1), NONE, _MOST),
        range_fault("recent", bias, -100, 100),
        range_fault("recent", slot, NONE, sizes.cache - 1),
        range_fault("context", states.context, 0, last),
        range_fault("clock", states.clock[:, None], 0, _MOST),
        range_fault("cached", states.cached[:, None], 0, _MOST),
    )


def _length_fault(name: str, words: tf.Tensor) -> Fault:
    is_long = tf.reduce_any(tf.strings.length(words) > WORD_BYTES, axis=1)
    return is_long, f"{name}: expected words of at most {WORD_BYTES} bytes"
