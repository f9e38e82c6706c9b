"""The exported keyboard gets to know a user: its suggestions with a state, its learning, and what a state expects."""

import numpy as np
import pytest

from applications.keyboard.learning import Choice
from applications.keyboard.user_data import block, forget, knowledge
from applications.keyboard.user_file import encoded, new_user
from applications.keyboard.user_model import batch_of, observed, state_of
from applications.keyboard.user_state import NONE, RECENT, Event, UserState
from common.errors import UserError

TEXT = "See you at Lindqvist’s, Zoltán! Zoltán is late: 10:30.\nZoltán waits. See Zoltán "


@pytest.fixture(scope="module")
def keyboard(predictor):
    return predictor


@pytest.fixture(scope="module")
def user(keyboard):
    return keyboard.observe(TEXT, user=new_user(keyboard.base), now=0)


def rows(*states):
    """The states of several users as the inputs of a request, of the types of the first."""
    kinds = {name: np.asarray(getattr(states[0], name)).dtype for name in UserState._fields}
    return {
        name: np.stack([np.asarray(getattr(state, name), kind) for state in states])
        for name, kind in kinds.items()
    }


def words_of(user, keyboard):
    return {one["word"]: one["times"] for one in knowledge(user, keyboard.base)["words"]}


def test_to_a_new_user_it_suggests_what_it_does_to_all(keyboard):
    for text, prefix in (
        ("See you ", None),
        ("", None),
        ("Don’t w", None),
        ("I am on ", "m"),
        ("see you", ""),
    ):
        alone = keyboard(text, prefix=prefix, count=4)
        personal = keyboard(text, prefix=prefix, count=4, user=new_user(keyboard.base))
        assert personal["words"] == alone["words"]
        assert personal["probabilities"] == pytest.approx(alone["probabilities"], rel=1e-3)


def test_a_word_of_the_users_is_suggested_as_they_spell_it_once_they_typed_it_twice(keyboard):
    once = keyboard.observe("Zoltán ", user=new_user(keyboard.base))
    twice = keyboard.observe("Zoltán ", user=once)
    assert "Zoltán" not in keyboard.suggest("Zo", user=once, count=9)
    assert keyboard.suggest("Zo", user=twice)[0] == "Zoltán"
    assert keyboard.suggest("see z", user=twice)[0] == "Zoltán"


def test_what_followed_before_is_suggested_again(keyboard):
    user = new_user(keyboard.base)
    for _ in range(4):
        user = keyboard.observe("bread market\n", user=user)
    base = keyboard.suggest("bread ", count=1)
    assert keyboard.suggest("bread ", count=1, user=user) == ["market"] != base
    # What follows depends on the text at hand, not on what was typed last.
    assert keyboard.suggest("See ", count=1, user=user) == keyboard.suggest("See ", count=1)


@pytest.mark.parametrize("cut", range(1, 12))
def test_the_same_text_makes_the_same_bytes_at_once_or_in_pieces(keyboard, user, cut):
    pieces = TEXT.split(" ")
    parts = [" ".join(pieces[:cut]) + " ", " ".join(pieces[cut:])]
    together = [Event(part) for part in parts]
    one_by_one = new_user(keyboard.base)
    for event in together:
        one_by_one = keyboard.observe([event], user=one_by_one, now=0)
    at_once = keyboard.observe(together, user=new_user(keyboard.base), now=0)
    assert encoded(one_by_one, keyboard.base) == encoded(user, keyboard.base)
    assert encoded(at_once, keyboard.base) == encoded(user, keyboard.base)


def test_what_is_deleted_private_or_blocked_leaves_nothing(keyboard, user):
    deleted = keyboard.observe([Event("Qwertz"), Event("Qwertz", Choice.DELETED)], user=user, now=0)
    private = keyboard.observe([Event("Geheim Geheim Geheim", Choice.PRIVATE)], user=user, now=0)
    for after, word in ((deleted, "Qwertz"), (private, "Geheim")):
        assert words_of(after, keyboard) == words_of(user, keyboard)
        assert word.lower().encode() not in encoded(after, keyboard.base).lower()
    assert "Zoltán" not in keyboard.suggest("Zo", user=block(user, "zoltán"), count=50)
    assert "Zoltán" not in keyboard.suggest("Zo", user=forget(user, "Zoltán", keyboard.base), count=50)


def test_a_piece_of_several_words_is_taken_back_as_a_whole(keyboard, user):
    typed = keyboard.observe(
        [Event("see Qwertz, and"), Event("see Qwertz, and", Choice.DELETED)], user=user, now=0
    )
    for name in UserState._fields:
        if name not in ("network", "clock", "passed", "recent"):
            np.testing.assert_array_equal(getattr(typed.state, name), getattr(user.state, name), err_msg=name)
    # The four words typed took the places of the oldest among the words that can be taken back: these stay learned for
    # good, and all newer ones can still be taken back.
    recent, before = typed.state.recent, user.state.recent
    np.testing.assert_array_equal(recent[: RECENT - 4], before[: RECENT - 4])
    assert (before[: RECENT - 4] != NONE).any(axis=1).all()
    assert (recent[RECENT - 4 :] == NONE).all()


def test_private_words_are_not_even_read(keyboard, user):
    states = [
        keyboard.observe([Event(words, Choice.PRIVATE), Event("see ")], user=user, now=0).state
        for words in ("on my way", "to the sea")
    ]
    for name in UserState._fields:
        np.testing.assert_array_equal(getattr(states[0], name), getattr(states[1], name))


def test_of_each_word_it_says_what_was_expected_before_it_was_learned(keyboard, runner, user):
    text = "See Zoltán at the sea at 10:30. Bananas, Zoltán"
    outputs = runner.answer("follow", text=[text], learns=[True], **batch_of(user.state))
    spellings = [one.decode() for one in outputs["spellings"][0]]
    state = user.state
    for place, spelling in enumerate(spellings):
        alone = runner.answer("follow", text=[spelling], learns=[True], **batch_of(state))
        for name in ("words", "learned", "log_likelihoods", "probabilities", "offered", "is_word"):
            np.testing.assert_allclose(alone[name][0, 0], outputs[name][0, place], rtol=1e-4, atol=1e-6)
        state = observed(runner, [Event(spelling)], state)
    after = state_of(outputs)
    for name in UserState._fields:
        if name != "network":
            np.testing.assert_array_equal(getattr(after, name), getattr(state, name), err_msg=name)
    np.testing.assert_allclose(after.network, state.network, rtol=1e-4, atol=1e-5)


def test_the_probabilities_are_of_all_words_and_what_is_expected_of_the_word_typed_is_among_them(
    runner, keyboard, user
):
    outputs = runner.answer(
        "follow", text=["See Zoltán on Monday, Zoltan"], learns=[True], **batch_of(user.state)
    )
    probabilities, numbers = outputs["probabilities"][0], outputs["words"][0]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-4)
    likelihoods = np.exp(outputs["log_likelihoods"][0])
    known = (numbers >= 2) & (numbers < keyboard.base.sizes.words)
    np.testing.assert_allclose(
        likelihoods[known], probabilities[np.flatnonzero(known), numbers[known]], rtol=1e-3
    )
    own = numbers >= keyboard.base.sizes.words
    assert own.tolist().count(True) == 1
    # A word of the user's may also have been spelled out anew.
    assert (likelihoods[own] >= probabilities[np.flatnonzero(own), numbers[own]] * (1 - 1e-5)).all()
    assert likelihoods[numbers == 0] < probabilities[np.flatnonzero(numbers == 0), 0]


def test_what_is_suggested_is_the_most_probable_of_what_is_expected(keyboard, runner, user):
    at_beginning = user.state._replace(
        network=np.zeros_like(user.state.network), context=np.full(2, 2, np.int32)
    )
    after = state_of(runner.answer("follow", text=["See "], learns=[True], **batch_of(at_beginning)))
    expected = runner.answer("follow", text=["x"], learns=[True], **batch_of(after))["probabilities"][0, 0]
    suggested = keyboard("See ", user=user._replace(state=after), count=2)
    spelled = ["", "", "", *keyboard.base.words, *(one.decode().lower() for one in after.lexicon_words)]
    numbers = [spelled.index(word.lower()) for word in suggested["words"]]
    ratio = expected[numbers[0]] / expected[numbers[1]]
    assert suggested["probabilities"][0] / suggested["probabilities"][1] == pytest.approx(ratio, rel=1e-3)


@pytest.mark.parametrize(
    ("signature", "inputs", "wrong"),
    [
        ("personal", {"text": "See ", "prefix": "", "count": 3}, {"clock": -1}),
        ("personal", {"text": "See ", "prefix": "", "count": 3}, {"prefix": "a b"}),
        ("observe", {"pieces": ["See", "you"], "choices": [1, 2]}, {"choices": [1, 9]}),
        ("observe", {"pieces": ["See", "you"], "choices": [1, 2]}, {"pieces": ["a" * 20_000, "b"]}),
        ("follow", {"text": "See you", "learns": True}, {"cached": -5}),
        ("follow", {"text": "See you", "learns": True}, {"text": "a" * 4001}),
    ],
)
def test_a_bad_row_has_its_error_and_leaves_its_neighbour_alone(runner, user, signature, inputs, wrong):
    good = {**inputs, **user.state._asdict()}
    bad = {**good, **wrong}
    batch = {name: [good[name], bad[name]] for name in good}
    state = rows(*(UserState(*(one[name] for name in UserState._fields)) for one in (good, bad)))
    inputs = {name: values for name, values in batch.items() if name not in state}
    both = runner.run(signature, **inputs, **state)
    alone = runner.run(
        signature, **{name: values[:1] for name, values in inputs.items()}, **batch_of(user.state)
    )
    assert both["error"][0] == b""
    assert both["error"][1].decode().startswith(f"{next(iter(wrong))}: expected")
    for name, values in alone.items():
        if values.dtype == object:
            assert both[name][:1].tolist() == values.tolist()
        else:
            np.testing.assert_allclose(both[name][:1], values, rtol=1e-4, atol=1e-5, err_msg=name)


def test_what_is_not_to_be_learned_is_expected_as_the_first_word_was_and_leaves_no_trace(runner, user):
    text = ["see Zoltán at the sea Bananas Bananas Bananas"]
    passed, learned = (
        runner.answer("follow", text=text, learns=[learns], **batch_of(user.state))
        for learns in (False, True)
    )
    np.testing.assert_array_equal(passed["log_likelihoods"][0, 0], learned["log_likelihoods"][0, 0])
    assert learned["log_likelihoods"][0, -1] > passed["log_likelihoods"][0, -1] + 1
    after = state_of(passed)
    for name in UserState._fields:
        if name not in ("network", "context"):
            np.testing.assert_array_equal(getattr(after, name), getattr(user.state, name), err_msg=name)


def test_two_users_in_one_batch_are_as_each_alone(runner, keyboard, user):
    other = new_user(keyboard.base)
    batch = runner.answer(
        "observe",
        pieces=[["Zoltán ", "see"], ["", "you"]],
        choices=[[1, 2], [0, 1]],
        **rows(user.state, other.state),
    )
    for row, (state, events) in enumerate(
        ((user.state, [Event("Zoltán "), Event("see", Choice.ACCEPTED)]), (other.state, [Event("you")]))
    ):
        alone = observed(runner, events, state)
        for name in UserState._fields:
            np.testing.assert_allclose(
                batch[name][row].astype(float) if batch[name].dtype != object else 0,
                getattr(alone, name).astype(float) if batch[name].dtype != object else 0,
                rtol=1e-4,
                atol=1e-5,
                err_msg=name,
            )


def test_a_file_learns_as_the_user_in_memory_does(keyboard, user, tmp_path):
    path = tmp_path / "new" / "me.json"
    first = keyboard.observe(TEXT, user=path, now=5)
    assert path.read_bytes() == encoded(first, keyboard.base) == encoded(user, keyboard.base)
    assert keyboard.suggest("Zo", user=path) == keyboard.suggest("Zo", user=user)


def test_a_text_longer_than_a_request_is_learned_whole(keyboard):
    user = keyboard.observe("Zoltán waits. " * 1500, user=new_user(keyboard.base), now=0)
    assert int(user.state.clock) == 4500
    assert words_of(user, keyboard)["Zoltán"] == 1500


def test_what_was_typed_must_be_text(keyboard, user):
    with pytest.raises(UserError, match=r"typed\[1\]: got 3 \(int\); expected a text"):
        keyboard.observe([Event("a"), Event(3)], user=user)
