"""Words with their times as subtitles: SubRip (.srt) and WebVTT (.vtt) files, which players and web pages show."""

import math
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

_ARROW = re.compile("-{2,}>")


class Word(NamedTuple):
    """A word of a recording.

    Attributes:
        word: as it is written.
        start: when it begins, in seconds from the beginning of the recording.
        end: when it ends.
        confidence: from 0 to 1, how probable it is that the word is right.
    """

    word: str
    start: float
    end: float
    confidence: float


class Cue(NamedTuple):
    """What is shown at once.

    Attributes:
        lines: of text, the upper first.
        start: when it appears, in seconds from the beginning of the recording.
        end: when it disappears.
    """

    lines: tuple[str, ...]
    start: float
    end: float


def cues(
    words: Sequence[Word],
    longest_line: int = 42,
    most_lines: int = 2,
    longest_seconds: float = 6.0,
    pause_seconds: float = 0.8,
    shortest_seconds: float = 1.0,
) -> list[Cue]:
    """Words grouped into what a viewer reads at once.

    A cue ends at each pause. What is too long without one is divided at the longest gap between two words in the
    second half of what fits. The lines of a cue are about as long as each other.

    >>> spoken = [Word("good", 0.0, 0.3, 1.0), Word("morning", 0.4, 0.9, 1.0), Word("anna", 2.5, 3.0, 1.0)]
    >>> [cue.lines for cue in cues(spoken)]
    [('good morning',), ('anna',)]

    Args:
        words: in the order in which they were spoken. White space within a word is written as single spaces; words of
            nothing else are left out.
        longest_line: characters of a line. Only a single word that is longer makes a longer line.
        most_lines: lines of a cue.
        longest_seconds: how long a cue is shown. Only a single word that takes longer makes a longer cue.
        pause_seconds: silence after which a new cue begins.
        shortest_seconds: how long a cue is shown at least, unless the next one begins sooner: the times of words may be
            but moments, and nobody reads as fast.

    Raises:
        ValueError: a line would have no character, or a cue no line.
    """
    if longest_line < 1 or most_lines < 1:
        raise ValueError(f"{most_lines} lines of {longest_line} characters; expected at least 1 of each")
    spoken = [word._replace(word=text) for word in words if (text := " ".join(word.word.split()))]
    grouped = []
    for phrase in _phrases(spoken, pause_seconds):
        rest = phrase
        while rest:
            size = _fitting(rest, longest_line, most_lines, longest_seconds)
            if size < len(rest):
                size = _longest_gap(rest, range(-(-size // 2), size + 1))
            grouped.append(_cue(rest[:size], longest_line))
            rest = rest[size:]
    shortest = min(shortest_seconds, longest_seconds)
    starts = [*(cue.start for cue in grouped), math.inf]
    return [
        cue._replace(end=max(cue.end, min(cue.start + shortest, following)))
        for cue, following in zip(grouped, starts[1:], strict=True)
    ]


def to_srt(shown: Sequence[Cue]) -> str:
    """The content of a SubRip file. An arrow in a text, which is SubRip's mark of a time, loses all but one dash.

    >>> print(to_srt([Cue(("good morning",), 0.0, 0.9)]), end="")
    1
    00:00:00,000 --> 00:00:00,900
    good morning
    """
    blocks = [
        f"{number}\n{_clock(start, ',')} --> {_clock(end, ',')}\n{_ARROW.sub('->', _plain(cue))}\n"
        for number, (cue, (start, end)) in enumerate(zip(shown, _milliseconds(shown), strict=True), start=1)
    ]
    return "\n".join(blocks)


def to_vtt(shown: Sequence[Cue]) -> str:
    """The content of a WebVTT file (W3C), in whose texts `&`, `<` and `>` are escaped.

    >>> print(to_vtt([Cue(("salt & pepper",), 3599.9996, 3600.5)]), end="")
    WEBVTT
    <BLANKLINE>
    01:00:00.000 --> 01:00:00.500
    salt &amp; pepper
    """
    blocks = ["WEBVTT\n"]
    for cue, (start, end) in zip(shown, _milliseconds(shown), strict=True):
        text = _plain(cue).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        blocks.append(f"{_clock(start, '.')} --> {_clock(end, '.')}\n{text}\n")
    return "\n".join(blocks)


def _phrases(words: Sequence[Word], pause_seconds: float) -> Iterator[Sequence[Word]]:
    """The words between pauses."""
    first = 0
    for number, (word, following) in enumerate(pairwise(words), start=1):
        if following.start - word.end >= pause_seconds:
            yield words[first:number]
            first = number
    if words:
        yield words[first:]


def _fitting(words: Sequence[Word], longest_line: int, most_lines: int, longest_seconds: float) -> int:
    """How many of the first words one cue can hold: at least one."""
    lines, width = 1, len(words[0].word)
    for number, word in enumerate(words[1:], start=1):
        width += 1 + len(word.word)
        if width > longest_line:
            lines, width = lines + 1, len(word.word)
        if lines > most_lines or word.end - words[0].start > longest_seconds:
            return number
    return len(words)


def _longest_gap(words: Sequence[Word], sizes: Sequence[int]) -> int:
    """After how many words, of the given numbers, the longest gap is; the last of equals."""
    return max(sizes, key=lambda size: (words[size].start - words[size - 1].end, size))


def _cue(words: Sequence[Word], longest_line: int) -> Cue:
    texts = [word.word for word in words]
    lines = _wrapped(texts, longest_line)
    for width in range(-(-len(" ".join(texts)) // len(lines)), longest_line):
        even = _wrapped(texts, width)
        if len(even) == len(lines):
            lines = even
            break
    return Cue(tuple(lines), words[0].start, max(word.end for word in words))


def _wrapped(texts: Sequence[str], width: int) -> list[str]:
    lines = [texts[0]]
    for text in texts[1:]:
        if len(lines[-1]) + 1 + len(text) <= width:
            lines[-1] += f" {text}"
        else:
            lines.append(text)
    return lines


def _plain(cue: Cue) -> str:
    """The text of a cue without empty lines, which would end it, and without NUL, which WebVTT forbids."""
    lines = (" ".join(line.replace("\0", "\ufffd").split()) for line in cue.lines)
    return "\n".join(line for line in lines if line)


def _milliseconds(shown: Sequence[Cue]) -> list[tuple[int, int]]:
    """When each cue appears and disappears: each lasts a millisecond or more and is over as the next one begins."""
    starts: list[int] = []
    for cue in shown:
        starts.append(max(round(1000 * cue.start), starts[-1] + 1 if starts else 0))
    ends = [max(round(1000 * cue.end), start + 1) for cue, start in zip(shown, starts, strict=True)]
    following = [*starts[1:], *ends[-1:]]
    return [(start, min(pair)) for start, *pair in zip(starts, ends, following, strict=True)]


def _clock(milliseconds: int, point: str) -> str:
    seconds, fraction = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{fraction:03}"
