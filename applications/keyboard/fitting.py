"""Fits how much a user's own words weigh to texts of users whose text was not trained on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from applications.keyboard.mixture import Mixture
from applications.keyboard.mixture_fitting import Collected, fit
from applications.keyboard.network import Network
from applications.keyboard.pieces import lines_in_pieces
from applications.keyboard.suggestions import Suggestions
from applications.keyboard.user_state import UserState, empty_state, stacked
from applications.keyboard.user_tensors import state_specs
from applications.keyboard.users import Users
from common.predicting.progress import progress
from common.text.running import RawText

MOST_WORDS = 10_000
"""Words that are read of each user, roughly: five characters count as one."""
_TRIED = (0.3, 0.6, 1.2)
_WORDS_PER_TRIAL = 2_000
_CHARACTERS = 5


@dataclass(frozen=True)
class FittedMixture:
    """A mixture, and what it was fitted on.

    Attributes:
        mixture: the fitted one.
        nats: per word, all words counted.
        words: of all users together.
    """

    mixture: Mixture
    nats: float
    words: int


def fitted_mixture(network: Network, suggestions: Suggestions, texts: Sequence[RawText]) -> FittedMixture:
    """The mixture under which the texts of some users, each read from an empty state on, are the most probable.

    Args:
        network: the base.
        suggestions: its words that may be suggested.
        texts: one of each user; the first `MOST_WORDS` words count, roughly.
    """

    def tried(sharpness: float, most: int) -> FittedMixture:
        users = Users(network, suggestions, Mixture(sharpness=sharpness))
        collected = _joined([_collected(users, text, most) for text in texts])
        fitted = fit(collected)
        mixture = Mixture(fitted.cache, fitted.counts, sharpness)
        return FittedMixture(mixture, fitted.nats, len(collected.features))

    best = min((tried(sharpness, _WORDS_PER_TRIAL) for sharpness in _TRIED), key=lambda one: one.nats)
    return tried(best.mixture.sharpness, MOST_WORDS)


def _collected(users: Users, text: RawText, most: int) -> Collected:
    """What the experts expected of the first words of a user, roughly `most`."""
    state = UserState(*(tf.constant(array) for array in stacked(empty_state(users.sizes))))
    specs = UserState(*(tf.TensorSpec([None, *spec.shape], spec.dtype) for spec in state_specs(users.sizes)))
    opinions = tf.function(
        users.opinions, input_signature=[tf.TensorSpec([None], tf.string), specs], autograph=False
    )
    parts: list[Collected] = []
    for piece in progress(
        list(lines_in_pieces(text.text[: _CHARACTERS * most])), f"reading {text.name}", None
    ):
        outputs, state = opinions(tf.constant([piece]), state)
        parts.append(Collected(*(outputs[name].numpy()[0] for name in Collected._fields)))
    return _joined(parts)


def _joined(parts: Sequence[Collected]) -> Collected:
    return Collected(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
