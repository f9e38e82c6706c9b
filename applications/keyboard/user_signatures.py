"""The signatures of a keyboard that knows its user: the user's state comes with each request, and none is kept."""

import numpy as np
import tensorflow as tf

from applications.keyboard.faults import count_fault, prefix_fault, range_fault, text_fault
from applications.keyboard.predict import MOST_BYTES, MOST_READ
from applications.keyboard.sharing import shared
from applications.keyboard.user_faults import state_fault
from applications.keyboard.user_state import Choice, UserState, empty_state, stacked
from applications.keyboard.user_tensors import state_specs
from applications.keyboard.users import Users
from common.errors import ROW_ERROR
from common.export.saved_model import Signature
from common.row_errors import first_fault, neutral_where

Tensors = dict[str, tf.Tensor]
_PIECES = (("I am on my way, Zoë’s ", "way", "dog"), ("", "Banananas", "see\n10:30"))
_CHOICES = (
    (Choice.TYPED, Choice.DELETED, Choice.ACCEPTED),
    (Choice.NOTHING, Choice.PASSED_OVER, Choice.PRIVATE),
)
_TEXTS = ("Zoë’s dog ", "see\n10:30 banananas, ")


def user_signatures(users: Users) -> list[Signature]:
    """What is served to users, for any batch size; each takes the user's state too, a tensor for each of `UserState`.

    - `personal`: `text`, `prefix`, `count`, the state -> `words` and `probabilities` `[batch, count]`, as `complete`.
    - `observe`: `pieces` string and `choices` int32 `[batch, time]`, the state -> the new state.
    - `follow`: `text`, `learns` bool, the state -> what the state expects of each word, one being learned after another
      if it `learns`, see `Users.follow`, and the new state.
    """
    sizes = users.sizes
    strings, integers, bools = (tf.TensorSpec([None], kind) for kind in (tf.string, tf.int32, tf.bool))
    pieces_spec, choices_spec = (tf.TensorSpec([None, None], kind) for kind in (tf.string, tf.int32))
    states_spec = UserState(*(tf.TensorSpec([None, *spec.shape], spec.dtype) for spec in state_specs(sizes)))
    # Traced once, for the signatures, for what they are proved against, and for the examples.
    suggest_all = shared(users.suggest, strings, strings, integers, states_spec)
    observe_all = shared(users.observe, pieces_spec, choices_spec, states_spec)
    follow_all = shared(users.follow, strings, bools, states_spec)

    def personal(text: tf.Tensor, prefix: tf.Tensor, count: tf.Tensor, **state: tf.Tensor) -> Tensors:
        error = _error(state, text_fault(text), prefix_fault(prefix), count_fault(count))
        text, prefix, count = (neutral_where(error != "", value) for value in (text, prefix, count))
        words, probabilities = suggest_all(text, prefix, count, _state(state, error))
        return {"words": words, "probabilities": probabilities, ROW_ERROR: error}

    def observe(pieces: tf.Tensor, choices: tf.Tensor, **state: tf.Tensor) -> Tensors:
        is_long = tf.reduce_sum(tf.strings.length(pieces), axis=1) > MOST_BYTES
        error = _error(
            state,
            (is_long, f"pieces: expected at most {MOST_BYTES} bytes together"),
            range_fault("choices", choices, min(Choice), max(Choice)),
        )
        pieces, choices = (neutral_where(error != "", value) for value in (pieces, choices))
        after = observe_all(pieces, choices, _state(state, error))
        return {**after._asdict(), ROW_ERROR: error}

    def follow(text: tf.Tensor, learns: tf.Tensor, **state: tf.Tensor) -> Tensors:
        error = _error(state, text_fault(text, MOST_READ))
        outputs, after = follow_all(neutral_where(error != "", text), learns, _state(state, error))
        return {**outputs, **after._asdict(), ROW_ERROR: error}

    def _error(state: Tensors, *cases: tuple[tf.Tensor, str]) -> tf.Tensor:
        of_state = state_fault(UserState(**state), sizes)
        return first_fault(*cases, (of_state != "", of_state))

    states = states_spec._asdict()
    pieces, choices = (np.array(rows, kind) for rows, kind in ((_PIECES, object), (_CHOICES, np.int32)))
    empty = UserState(*map(tf.constant, stacked(empty_state(sizes), empty_state(sizes))))
    learned = observe_all(tf.constant(pieces), tf.constant(choices), empty)
    state = {name: tensor.numpy() for name, tensor in learned._asdict().items()}
    by_piece = {"pieces": pieces_spec, "choices": choices_spec}
    return [
        Signature(
            "personal",
            personal,
            {"text": strings, "prefix": strings, "count": integers, **states},
            {"text": _TEXTS, "prefix": ("", "B"), "count": (3, 2), **state},
        ),
        Signature(
            "observe", observe, {**by_piece, **states}, {"pieces": pieces, "choices": choices, **state}
        ),
        Signature(
            "follow",
            follow,
            {"text": strings, "learns": bools, **states},
            {"text": _TEXTS, "learns": (True, False), **state},
        ),
    ]


def _state(state: Tensors, error: tf.Tensor) -> UserState:
    return UserState(**{name: neutral_where(error != "", tensor) for name, tensor in state.items()})
