"""What a terminal sends as keys, and how a text and its suggestions are drawn on it."""

import codecs
import re
from collections.abc import Sequence

from rich.cells import cell_len, chop_cells, set_cell_size

from applications.keyboard.session import BACKSPACE, ENTER, TAB, Session, is_visible

PASTES_MARKED, PASTES_UNMARKED = "\x1b[?2004h", "\x1b[?2004l"
"""Ask a terminal to mark what is pasted, and to stop it."""

_ESCAPE, _PASTE, _END_OF_PASTE = "\x1b", "\x1b[200~", "\x1b[201~"
_TOKEN = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\[[0-?]*[ -/]*|\x1bO.|\x1b[^\[O\x1b]|\x1b|[^\x1b]", re.DOTALL
)
_BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)?\Z")
_SAME = {"\r": ENTER, "\b": BACKSPACE}
_INVERSE, _PLAIN = "\x1b[7m", "\x1b[0m"
_GAP, _AS_TYPED, _THEN = "  ", "(as typed)", "|"


class Keys:
    """The keys in the bytes that a terminal sends, in pieces of any length.

    A key is a character; sequences of other keys, such as arrows, are left out. In what is pasted, if the terminal
    marks it, a tab is a blank and other control characters but line ends are left out.

    Example:
        >>> keys = Keys()
        >>> keys.read(b"a\\x1b[D\\xc3"), keys.read(b"\\xa9")
        (['a'], ['é'])

    Attributes:
        is_in_sequence: whether the last bytes may be the beginning of a sequence, or the key Escape.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        self._sequence = ""
        self._is_pasted = False

    @property
    def is_in_sequence(self) -> bool:
        return self._sequence != ""

    def read(self, received: bytes) -> list[str]:
        """The keys that are complete with these bytes."""
        text = self._sequence + self._decoder.decode(received)
        begun = _BEGUN.search(text)
        self._sequence = begun.group() if begun else ""
        return [
            key for token in _TOKEN.findall(text.removesuffix(self._sequence)) for key in self._keys(token)
        ]

    def drop_sequence(self) -> None:
        """Takes what may be the beginning of a sequence for a key of its own, which is left out."""
        self._sequence = ""

    def _keys(self, token: str) -> list[str]:
        if token in (_PASTE, _END_OF_PASTE):
            self._is_pasted = token == _PASTE
            return []
        if token.startswith(_ESCAPE):
            return []
        key = _SAME.get(token, token)
        if self._is_pasted and key < " " and key != ENTER:
            return [" "] if key == TAB else []
        return [key]


class Screen:
    """Draws a text with a line of suggestions below it in place of what it drew before.

    Of a text with more rows than the terminal the last ones are drawn.
    """

    def __init__(self) -> None:
        self._size = (0, 0)
        self._rows_above = 0

    def drawn(self, session: Session, columns: int, lines: int) -> str:
        """What is to be written to a terminal of this size."""
        room = max(columns - 1, 2)  # a cursor has no place behind the last column
        most = max(lines - 1, 1)
        texts = map(_visible, session.text.split(ENTER)[-most:])
        rows = [row for text in texts for row in chop_cells(text, room) or [""]][-most:]
        start = f"\x1b[{self._rows_above}A\r" if self._rows_above else "\r"
        if self._size not in ((0, 0), (columns, lines)):
            start = "\x1b[2J\x1b[H"  # after a change of the size nobody knows what stands where
        self._size, self._rows_above = (columns, lines), len(rows) - 1
        column = cell_len(rows[-1])
        back = f"\x1b[A\r\x1b[{column}C" if column else "\x1b[A\r"
        drawn = "\r\n".join([*rows, suggestion_line(session, room)])
        return f"{start}\x1b[J{drawn}{back}"


def suggestion_line(session: Session, room: int) -> str:
    """What Tab takes, in inverse video, among what it can take, cut to so many cells.

    After a word taken these are the others for its place and what was typed; behind a bar stand the suggestions for the
    next word.

    >>> suggestion_line(Session().showing(["see", "you"]), 6)
    '\\x1b[7msee\\x1b[0m  y'
    """
    suggestions, marked = session.suggestions or (), 0
    labels: Sequence[str] = suggestions
    if session.accepted:
        marked = session.accepted.place + 1
        labels = (*session.accepted.words, _AS_TYPED, _THEN, *suggestions)
    line = ""
    for place, label in enumerate(map(_visible, labels)):
        gap = _GAP if place else ""
        label = _cut(label, room - len(gap))
        if not label:
            break
        room -= len(gap) + cell_len(label)
        line += f"{gap}{_INVERSE}{label}{_PLAIN}" if place == marked else gap + label
    return line


def _cut(text: str, room: int) -> str:
    if cell_len(text) <= room:
        return text
    return set_cell_size(text, max(room, 0)).rstrip()


def _visible(text: str) -> str:
    return "".join(filter(is_visible, text))
