"""What each key does to a text that is typed with suggestions, and what the keyboard learns from it."""

import re
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from applications.keyboard.session import BACKSPACE, CLEAR, ENTER, TAB, Session
from applications.keyboard.user_state import RECENT, Choice, Event

TYPED, ACCEPTED, PASSED_OVER, DELETED = Choice.TYPED, Choice.ACCEPTED, Choice.PASSED_OVER, Choice.DELETED


class Typist:
    """A person who types; one who is looking has the suggestions before every key, others before Tab alone."""

    def __init__(self, suggest=lambda text: [], is_looking=False):
        self.session, self.suggest, self.is_looking, self.events = Session(), suggest, is_looking, []

    def type(self, keys):
        for key in keys:
            is_asked = self.is_looking or (key == TAB and self.session.accepted is None)
            if is_asked and self.session.suggestions is None:
                self.session = self.session.showing(self.suggest(self.session.text))
            self.session, events = self.session.after(key)
            self.events += events
        return self

    @property
    def text(self):
        return self.session.text

    @property
    def learned(self):
        return [(event.text, event.choice) for event in self.events]


def offering(*words):
    return lambda text: list(words)


def completing(*words):
    return lambda text: [word for word in words if word.startswith(re.split(r"[ \n(]", text)[-1])]


def test_a_blank_ends_a_word_and_only_then_it_is_learned():
    assert Typist().type("see yo").learned == [("see", TYPED)]
    assert Typist().type("see you, bob ").learned == [("see", TYPED), ("you,", TYPED), ("bob", TYPED)]


def test_an_address_is_learned_as_a_whole():
    assert Typist().type("to bob.lee@x.org now").learned == [("to", TYPED), ("bob.lee@x.org", TYPED)]


def test_enter_ends_the_word_and_the_line():
    typist = Typist().type("soon\nx")
    assert typist.text == "soon\nx"
    assert typist.learned == [("soon", TYPED), ("\n", TYPED)]


def test_empty_lines_are_not_learned():
    assert Typist().type(f"{ENTER} {ENTER}a{ENTER} {ENTER}{ENTER}b ").learned == [
        ("a", TYPED),
        ("\n", TYPED),
        ("b", TYPED),
    ]


def test_tab_takes_the_first_suggestion_with_a_blank():
    typist = Typist(completing("soon", "sooner")).type(f"see so{TAB}")
    assert typist.text == "see soon "
    assert typist.learned == [("see", TYPED), ("soon", ACCEPTED)]


def test_tab_takes_the_next_word_before_its_first_letter():
    assert Typist(offering("you")).type(f"see {TAB}").text == "see you "


def test_tab_again_takes_the_next_suggestion_and_at_last_what_was_typed():
    typist = Typist(offering("soon", "some", "song")).type("so")
    for text, learned in [
        ("soon ", [("soon", ACCEPTED)]),
        ("some ", [("soon", DELETED), ("some", ACCEPTED)]),
        ("song ", [("some", DELETED), ("song", ACCEPTED)]),
        ("so", [("song", DELETED)]),
        ("soon ", [("soon", ACCEPTED)]),
    ]:
        typist.events = []
        assert (typist.type(TAB).text, typist.learned) == (text, learned)


def test_tab_without_suggestions_does_nothing():
    typist = Typist().type(f"so{TAB}")
    assert (typist.text, typist.learned) == ("so", [])
    assert Typist(offering("")).type(f"so{TAB}").text == "so"


def test_tab_takes_suggestions_for_the_text_as_it_is_only():
    session = Session("s").showing(["see"]).after("o")[0]
    assert session.after(TAB) == (session, [])


def test_tab_keeps_what_stands_before_the_word_begun():
    typist = Typist(completing("you")).type(f"see (y{TAB}")
    assert typist.text == "see (you "
    assert typist.learned == [("see", TYPED), ("(", TYPED), ("you", ACCEPTED)]
    assert Typist(offering("don't")).type(f"I don'{TAB}").text == "I don't "
    assert Typist(offering("you")).type(f"well--y{TAB}").text == "well--you "


def test_what_is_typed_with_marks_on_its_letters_is_replaced_as_a_whole():
    assert Typist(offering("हिन्दी")).type(f"मैं हिन्{TAB}").text == "मैं हिन्दी "


@pytest.mark.parametrize("mark", list(".,;:!?…)]}"))
def test_a_closing_mark_after_an_accepted_word_takes_its_blank(mark):
    typist = Typist(offering("you")).type(f"see {TAB}{mark}")
    assert typist.text == f"see you{mark}"
    assert typist.type(" ").learned == [("see", TYPED), ("you", ACCEPTED), (mark, TYPED)]


def test_enter_after_an_accepted_word_takes_its_blank():
    typist = Typist(offering("you")).type(f"see {TAB}{ENTER}")
    assert typist.text == "see you\n"
    assert typist.learned == [("see", TYPED), ("you", ACCEPTED), ("\n", TYPED)]


def test_a_blank_after_an_accepted_word_is_the_one_that_is_there():
    typist = Typist(offering("you")).type(f"see {TAB} ")
    assert typist.text == "see you "
    assert typist.type(TAB).text == "see you you "
    assert Typist(offering("you")).type(f"see {TAB} .").text == "see you ."


def test_other_marks_leave_the_blank():
    assert Typist(offering("you")).type(f"{TAB}(").text == "you ("
    assert Typist().type("you .").text == "you ."


def test_backspace_removes_a_character():
    typist = Typist().type(f"see yox{BACKSPACE}u ")
    assert typist.text == "see you "
    assert typist.learned == [("see", TYPED), ("you", TYPED)]


@pytest.mark.parametrize(
    "character", ["é", "e\u0301", "q\u0323\u0307", "日", "👩\u200d👩\u200d👧", "क\u093f"]
)
def test_backspace_removes_a_character_with_all_that_belongs_to_it(character):
    assert Typist().type(f"a{character}{BACKSPACE}").text == "a"
    assert Typist().type(f"{character}{BACKSPACE}{BACKSPACE}").text == ""


def test_backspace_in_an_empty_text_does_nothing():
    assert Typist().type(BACKSPACE + CLEAR).session == Session()


def test_a_word_that_is_deleted_is_unlearned_and_begun_again():
    typist = Typist().type(f"see soom {BACKSPACE}")
    assert typist.session.begun == "soom"
    assert typist.learned == [("see", TYPED), ("soom", TYPED), ("soom", DELETED)]
    typist.events = []
    assert typist.type(f"{BACKSPACE}n ").learned == [("soon", TYPED)]
    assert typist.text == "see soon "


def test_an_accepted_word_that_is_deleted_is_unlearned():
    assert Typist(offering("you")).type(f"{TAB}{BACKSPACE}").learned == [("you", ACCEPTED), ("you", DELETED)]


def test_words_are_unlearned_in_the_order_in_which_they_are_deleted():
    typist = Typist().type(f"see you{ENTER}")
    typist.events = []
    assert typist.type(BACKSPACE).learned == [("\n", DELETED), ("you", DELETED)]
    typist.events = []
    assert typist.type(BACKSPACE * 3).learned == []
    assert typist.type(BACKSPACE).learned == [("see", DELETED)]


def test_only_the_last_words_are_unlearned():
    typist = Typist().type("a " * 30)
    typist.events = []
    assert typist.type(BACKSPACE * 60).learned == [("a", DELETED)] * RECENT


def test_ctrl_u_clears_the_word_begun():
    typist = Typist().type(f"see bob.le{CLEAR}")
    assert (typist.text, typist.learned) == ("see ", [("see", TYPED)])
    assert typist.type(CLEAR).text == "see "


def test_ctrl_u_unlearns_what_was_accepted_of_the_word():
    typist = Typist(offering("you")).type(f"see {TAB}.{CLEAR}")
    assert (typist.text, typist.learned) == (
        "see ",
        [("see", TYPED), ("you", ACCEPTED), ("you", DELETED)],
    )


def test_the_best_suggestion_is_passed_over_if_another_word_is_typed_out():
    typist = Typist(offering("you", "us"), is_looking=True).type("see us ")
    assert typist.learned == [("you", PASSED_OVER), ("see", TYPED), ("you", PASSED_OVER), ("us", TYPED)]


@pytest.mark.parametrize("word", ["you", "You", "YOU,", "(us", "10", "…"])
def test_nothing_is_passed_over_by_the_same_word_nor_by_what_is_none(word):
    assert Typist(offering("you"), is_looking=True).type(f"{word} ").learned == [(word, TYPED)]


def test_a_word_is_the_same_with_another_apostrophe_and_marks_after_it():
    assert Typist(offering("don't"), is_looking=True).type("Don’t, ").learned == [("Don’t,", TYPED)]


def test_what_is_typed_out_before_a_word_taken_passes_over_too():
    typist = Typist(offering("you"), is_looking=True).type(f"well--y{TAB}")
    assert typist.learned == [("you", PASSED_OVER), ("well--", TYPED), ("you", ACCEPTED)]


def test_what_was_shown_before_a_word_taken_is_not_passed_over_by_the_next():
    typist = Typist(offering("you", "us"), is_looking=True).type(f"u{TAB}")
    typist.is_looking = False
    assert typist.type("too ").learned == [("you", ACCEPTED), ("too", TYPED)]


def test_a_longer_word_passes_over_the_shorter():
    assert Typist(offering("you"), is_looking=True).type("your, ").learned == [
        ("you", PASSED_OVER),
        ("your,", TYPED),
    ]


def test_nothing_is_passed_over_that_was_not_shown_before_the_first_letter():
    assert Typist(offering("you")).type("see us ").learned == [("see", TYPED), ("us", TYPED)]
    typist = Typist(lambda text: ["your"] if text else [], is_looking=True)
    assert typist.type("youth ").learned == [("youth", TYPED)]


def test_a_suggestion_is_passed_over_though_letters_were_corrected():
    assert Typist(offering("you"), is_looking=True).type(f"ux{BACKSPACE}s ").learned[0] == (
        "you",
        PASSED_OVER,
    )


def test_what_was_shown_after_a_word_is_not_passed_over_by_that_word():
    typist = Typist(offering("you")).type("see ")
    typist.is_looking, typist.events = True, []
    assert typist.type(f"{BACKSPACE}n ").learned == [("see", DELETED), ("seen", TYPED)]


@pytest.mark.parametrize("end", [" ", ENTER])
def test_what_was_shown_before_a_word_is_not_passed_over_by_the_next(end):
    typist = Typist(offering("you"), is_looking=True).type("s")
    typist.is_looking = False
    assert typist.type(f"ee{end}us ").learned.count(("you", PASSED_OVER)) == 1


def test_a_suggestion_taken_passes_over_no_other():
    assert Typist(offering("you", "us"), is_looking=True).type(TAB + TAB).learned == [
        ("you", ACCEPTED),
        ("you", DELETED),
        ("us", ACCEPTED),
    ]
    assert Typist(offering("you"), is_looking=True).type(f"u{TAB}").learned == [("you", ACCEPTED)]


@pytest.mark.parametrize("key", ["\x00", "\x01", "\x1a", "\x1b", "\x85", "\u2028", "\u202e", "\ufeff"])
def test_other_keys_do_nothing(key):
    session = Session("so").showing(["soon"])
    assert session.after(key) == (session, [])


def test_any_blank_is_a_blank():
    assert Typist().type("a\u00a0b\u3000").text == "a b "


WORDS = ("ab", "abba", "b", "ba's", "ab-b")
WORD_BEGUN = re.compile(r"(?:[ab]+(?:['-][ab]+)*['-]?)?\Z")


def words_for(text):
    return [word for word in WORDS if word.startswith(WORD_BEGUN.search(text).group())][:3]


def text_after(keys):
    """The text that keys leave, of plain edits of a string."""
    text, choices, place = "", [], 0
    for key in keys:
        if key == TAB:
            if not choices:
                begun = WORD_BEGUN.search(text).group()
                stem = text[: len(text) - len(begun)]
                choices, place = [*(f"{stem}{word} " for word in words_for(text)), text], -1
            place += 1
            text = choices[place]
            choices = choices if place < len(choices) - 1 else []
        elif key == BACKSPACE:
            text = text[:-1]
        elif key == CLEAR:
            text = re.sub(r"[^ \n]*\Z", "", text)
        elif choices and key == " ":
            pass
        else:
            text = (text[:-1] if choices and key in ".\n" else text) + key
        if key != TAB and not (key == CLEAR and text.endswith(" ")):
            choices = []
    return text


def replayed(events):
    """What of the events is in the text at last, and how much it was at most."""
    pieces, most = [], 0
    for event in events:
        if event.choice == DELETED:
            assert pieces.pop() == event.text
        elif event.choice in (TYPED, ACCEPTED):
            pieces.append(event.text)
        most = max(most, len(pieces))
    return pieces, most


KEYS = st.text([*"ab' .(-@", ENTER, TAB, TAB, BACKSPACE, BACKSPACE, CLEAR], max_size=40)


@given(KEYS, st.booleans())
def test_any_keys_leave_the_text_of_plain_edits(keys, is_looking):
    assert Typist(words_for, is_looking=is_looking).type(keys).text == text_after(keys)


@given(KEYS, st.booleans())
def test_what_is_learned_is_the_text(keys, is_looking):
    typist = Typist(words_for, is_looking=is_looking).type(keys)
    pieces, most = replayed(typist.events)
    assume(most <= RECENT)
    assert all(event.text.strip(" ") == event.text != "" for event in typist.events)
    lines = [line.replace(" ", "") for line in typist.text.split("\n")]
    last = lines.pop()
    shown = "".join(f"{line}\n" for line in lines if line) + last
    assert "".join(pieces) + typist.session.begun == shown


@given(KEYS)
def test_what_is_passed_over_comes_before_the_word_typed_instead(keys):
    events = Typist(words_for, is_looking=True).type(keys).events
    for event, following in pairwise([*events, Event("at last")]):
        if event.choice == PASSED_OVER:
            assert event.text == WORDS[0]
            assert following.choice == TYPED
            assert following.text != "at last"
            assert following.text != event.text


def test_an_event_is_something_typed_unless_said_otherwise():
    assert Event("see") == ("see", TYPED)
