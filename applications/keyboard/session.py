"""A text as it is typed with suggestions: what each key does to it, and what is learned from that."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from applications.keyboard.user_state import RECENT, Choice, Event
from applications.keyboard.word_numbers import folded

TAB, ENTER, BACKSPACE, CLEAR = "\t", "\n", "\x7f", "\x15"
"""The keys that are no characters; `CLEAR` is Ctrl-U."""

_CLOSING = ".,;:!?…)]}"
_JOINERS = "'’-"
_JOINER, _NON_JOINER = "\u200d", "\u200c"
_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")


class Piece(NamedTuple):
    """What was learned from the text: something between blanks, or the end of a line.

    Attributes:
        text: as it stands there.
        end: how many characters of the whole text there are up to its last.
    """

    text: str
    end: int


class Acceptance(NamedTuple):
    """The word at the end of the text, which was accepted by the last key.

    Attributes:
        begun: what was typed of it.
        words: what was suggested for it.
        place: of the word taken among them.
    """

    begun: str
    words: tuple[str, ...]
    place: int

    @property
    def word(self) -> str:
        """The word taken."""
        return self.words[self.place]


@dataclass(frozen=True)
class Session:
    """A text that is typed at its end, key by key.

    A blank or Enter ends what was typed since the last one, and that is learned as `TYPED`: an address, or a word with
    the marks at it, as a whole. If a suggestion was shown before its first letter and another word was typed out, the
    first suggestion is `PASSED_OVER`, before the word.

    Tab takes the first suggestion instead of the word begun, with a blank after it; it is learned as `ACCEPTED`. Tab
    again takes the next one (the one before it is `DELETED`), after the last what was typed. A closing mark or Enter
    right after a word taken removes its blank; a blank typed there is that blank.

    Backspace removes a character with its marks, `CLEAR` all since the last blank. What is learned and is then touched
    by the end of the text is `DELETED`, the newest first, and begun again; only the last `RECENT` pieces are remembered
    for that.

    Example:
        >>> session, events = Session("see yo").showing(["you", "your"]).after(TAB)
        >>> session.text, events[-1].text, events[-1].choice.name
        ('see you ', 'you', 'ACCEPTED')

    Attributes:
        text: all of it.
        suggestions: for the text as it is, the best first; None if nobody asked for them since it changed.
        learned: the last pieces of the text that were learned, the newest last.
        expected: the first suggestion shown before what is begun; "" if there was none.
        accepted: if the last key took a suggestion.
    """

    text: str = ""
    suggestions: tuple[str, ...] | None = None
    learned: tuple[Piece, ...] = ()
    expected: str = ""
    accepted: Acceptance | None = None

    @property
    def begun(self) -> str:
        """What was typed since the last blank, as far as it is not learned."""
        return _after_blanks(self.text[self.learned[-1].end if self.learned else 0 :])

    def showing(self, suggestions: Sequence[str]) -> "Session":
        """The same text with the suggestions for it, which the user sees from now on."""
        words = tuple(word for word in suggestions if word)
        expected = self.expected if self.begun else "".join(words[:1])
        return replace(self, suggestions=words, expected=expected)

    def after(self, key: str) -> tuple["Session", list[Event]]:
        """The session after a key, and what is to be learned, in this order.

        Args:
            key: a character, or one of `TAB`, `ENTER`, `BACKSPACE` and `CLEAR`; another one changes nothing.
        """
        if key == TAB:
            return self._with_next_choice()
        if key == BACKSPACE:
            return self._shortened(len(_without_last(self.text)))
        if key == CLEAR:
            return self._shortened(len(self.text) - len(_after_blanks(self.text)))
        if key == ENTER:
            return self._with_line_end()
        if unicodedata.category(key) == "Zs":
            return self._with_blank()
        return (self._with_character(key) if is_visible(key) else self), []

    def _with_character(self, character: str) -> "Session":
        text = self._without_blank().text if character in _CLOSING else self.text
        return replace(self, text=text + character, suggestions=None, accepted=None)

    def _with_blank(self) -> tuple["Session", list[Event]]:
        if self.accepted:
            return replace(self, accepted=None), []
        session, events = self._with_learned(self.begun)
        return replace(session, text=f"{self.text} ", suggestions=None, expected=""), events

    def _with_line_end(self) -> tuple["Session", list[Event]]:
        session, events = self._without_blank()._with_learned(self.begun)
        line = session.text.rstrip(" ")
        text = session.text + ENTER
        session = replace(session, text=text, suggestions=None, expected="", accepted=None)
        if not line or line.endswith(ENTER):  # empty lines are no words
            return session, events
        return session._remembering(Piece(ENTER, len(text))), [*events, Event(ENTER)]

    def _without_blank(self) -> "Session":
        """Without the blank that came with a word that was accepted by the last key."""
        return replace(self, text=self.text[:-1]) if self.accepted else self

    def _with_learned(self, piece: str) -> tuple["Session", list[Event]]:
        """With the end of the text, which is a piece that was typed, learned; "" is none."""
        if not piece:
            return self, []
        word = _word_at_start(piece)
        is_word = any(character.isalpha() for character in word)
        is_passed = is_word and self.expected and folded(word) != folded(self.expected)
        passed = [Event(self.expected, Choice.PASSED_OVER)] if is_passed else []
        return self._remembering(Piece(piece, len(self.text))), [*passed, Event(piece)]

    def _remembering(self, piece: Piece) -> "Session":
        return replace(self, learned=(*self.learned, piece)[-RECENT:])

    def _shortened(self, length: int) -> tuple["Session", list[Event]]:
        """With the first characters of the text alone."""
        if length == len(self.text):
            return self, []
        learned, events = list(self.learned), []
        while learned and (
            learned[-1].end > length or (learned[-1].end == length and learned[-1].text != ENTER)
        ):
            events.append(Event(learned.pop().text, Choice.DELETED))
        session = Session(self.text[:length], learned=tuple(learned))
        is_same_word = session.begun and not events
        return replace(session, expected=self.expected if is_same_word else ""), events

    def _with_next_choice(self) -> tuple["Session", list[Event]]:
        if self.accepted is None:
            return self._with_choice(Acceptance(_word_at_end(self.begun), self.suggestions or (), 0))
        taken = self.accepted
        start = self.learned[-1].end - len(taken.word)
        typed = Session(self.text[:start] + taken.begun, learned=self.learned[:-1])
        session, events = typed._with_choice(taken._replace(place=taken.place + 1))
        return session, [Event(taken.word, Choice.DELETED), *events]

    def _with_choice(self, choice: Acceptance) -> tuple["Session", list[Event]]:
        """With a word instead of the one begun, if there are so many; what it touches is learned as typed."""
        if choice.place >= len(choice.words):
            return self, []
        before = replace(self, text=self.text.removesuffix(choice.begun))
        session, events = before._with_learned(before.begun)
        text = session.text + choice.word
        session = session._remembering(Piece(choice.word, len(text)))
        accepted = Event(choice.word, Choice.ACCEPTED)
        session = replace(session, text=f"{text} ", suggestions=None, expected="", accepted=choice)
        return session, [*events, accepted]


def is_visible(character: str) -> bool:
    """Whether a character is one of text, rather than one that steers a terminal or the direction of writing."""
    return unicodedata.category(character) not in _INVISIBLE or character in (_JOINER, _NON_JOINER)


def _after_blanks(text: str) -> str:
    """What stands after the last blank or end of a line."""
    return text.replace(ENTER, " ").rpartition(" ")[2]


def _is_of_word(character: str) -> bool:
    is_mark = unicodedata.category(character).startswith("M")
    return character.isalnum() or is_mark or character in (_JOINER, _NON_JOINER)


def _word_at_end(piece: str) -> str:
    """The word that a piece of text ends with, with joiners in it or after it."""
    start = len(piece)
    while start and (
        _is_of_word(piece[start - 1])
        or (piece[start - 1] in _JOINERS and start > 1 and _is_of_word(piece[start - 2]))
    ):
        start -= 1
    return piece[start:]


def _word_at_start(piece: str) -> str:
    """The word that a piece of text begins with, with joiners in it."""
    end = 0
    while end < len(piece) and (
        _is_of_word(piece[end])
        or (0 < end < len(piece) - 1 and piece[end] in _JOINERS and _is_of_word(piece[end + 1]))
    ):
        end += 1
    return piece[:end]


def _without_last(text: str) -> str:
    """Without the last character, the marks on it, and what is joined to it."""
    end = len(text)
    is_joined = True
    while end and is_joined:
        while end and (unicodedata.category(text[end - 1]).startswith("M") or text[end - 1] == _NON_JOINER):
            end -= 1
        end = max(end - 1, 0)
        is_joined = text[:end].endswith(_JOINER)
        end -= is_joined
    return text[:end]
