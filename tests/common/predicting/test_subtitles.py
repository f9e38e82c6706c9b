"""Subtitles hold every word once and in order, in lines that fit, at times that players accept."""

import html
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.predicting.subtitles import Cue, Word, cues, to_srt, to_vtt

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9)
ODD = st.sampled_from(
    ["-->", "--", "->", "--->", "<i>", "&amp;", "1", "\n\n", "NOTE", "", "\u2028", "x" * 60]
)


@st.composite
def spoken(draw, texts=TEXTS | ODD):
    """Words one after the other, as a recogniser gives them."""
    words, time = [], draw(st.floats(0, 400_000))
    for text in draw(st.lists(texts, max_size=15)):
        start = time + draw(st.sampled_from([0.0, 0.0, 0.02, 0.3, 0.8, 5.0]))
        time = start + draw(st.floats(0, 3))
        words.append(Word(text, start, time, 0.5))
    return words


def seconds_of(clock):
    hours, minutes, seconds, milliseconds = re.fullmatch(
        r"(\d{2,}):([0-5]\d):([0-5]\d)[,.](\d{3})", clock
    ).groups()
    return (int(hours) * 60 + int(minutes)) * 60 + int(seconds) + int(milliseconds) / 1000


def read_block(block):
    """Start, end and text of the lines of one cue."""
    start, end = block[0].split(" --> ")
    return seconds_of(start), seconds_of(end), block[1:]


def read_srt(content):
    blocks = [block.split("\n") for block in content.removesuffix("\n").split("\n\n") if block]
    assert [block[0] for block in blocks] == [str(number + 1) for number in range(len(blocks))]
    return [read_block(block[1:]) for block in blocks]


def read_vtt(content):
    header, *blocks = content.removesuffix("\n").split("\n\n")
    assert header == "WEBVTT"
    read = [read_block(block.split("\n")) for block in blocks]
    assert not any("<" in line or "-->" in line for _, _, lines in read for line in lines)
    return [(start, end, [html.unescape(line) for line in lines]) for start, end, lines in read]


def plain(words):
    return " ".join(" ".join(word.word for word in words).split())


@given(spoken(), st.integers(1, 50), st.integers(1, 3))
def test_every_word_is_shown_once_and_in_order_in_lines_that_fit(words, longest_line, most_lines):
    shown = cues(words, longest_line, most_lines)
    assert " ".join(line for cue in shown for line in cue.lines) == plain(words)
    whole_words = {" ".join(word.word.split()) for word in words}
    for cue in shown:
        assert 1 <= len(cue.lines) <= most_lines
        assert all(len(line) <= longest_line or line in whole_words for line in cue.lines)


@given(spoken(st.text("abc", min_size=1, max_size=9)), st.floats(0.5, 8))
def test_no_cue_is_shown_too_long_or_over_a_pause(words, longest_seconds):
    left = list(words)
    for cue in cues(words, longest_seconds=longest_seconds, pause_seconds=0.8, shortest_seconds=0):
        held, left = left[: len(" ".join(cue.lines).split())], left[len(" ".join(cue.lines).split()) :]
        assert (cue.start, cue.end) == (held[0].start, held[-1].end)
        assert len(held) == 1 or cue.end - cue.start <= longest_seconds
        assert all(after.start - before.end < 0.8 for before, after in pairwise(held))
    assert not left


@given(spoken(st.text("abc", min_size=1, max_size=9)), st.floats(0, 3))
def test_a_cue_stays_until_it_can_be_read_or_the_next_one_begins(words, shortest_seconds):
    brief, shown = cues(words, shortest_seconds=0), cues(words, shortest_seconds=shortest_seconds)
    assert [cue[:2] for cue in shown] == [cue[:2] for cue in brief]
    for cue, before, following in zip(shown, brief, [*shown, None][1:], strict=True):
        wanted = max(before.end, cue.start + shortest_seconds)
        assert cue.end == (wanted if following is None else max(before.end, min(wanted, following.start)))


@given(spoken())
def test_both_kinds_of_file_read_back_hold_the_texts_and_times_of_the_cues(words):
    shown = cues(words)
    for read in (read_srt(to_srt(shown)), read_vtt(to_vtt(shown))):
        assert len(read) == len(shown)
        for (start, end, lines), cue in zip(read, shown, strict=True):
            # Of words shorter than a millisecond each takes one, so that those after them come later.
            assert start == pytest.approx(cue.start, abs=0.001 * len(shown) + 0.00051)
            assert end == pytest.approx(cue.end, abs=0.001 * len(shown) + 0.00051)
            assert [line.replace("-", "") for line in lines] == [line.replace("-", "") for line in cue.lines]
    assert [lines for _, _, lines in read_vtt(to_vtt(shown))] == [list(cue.lines) for cue in shown]


@given(
    st.lists(
        st.builds(Cue, st.tuples(TEXTS.filter(str.strip)), st.floats(-5, 900_000), st.floats(-5, 900_000)),
        max_size=20,
    )
)
def test_whatever_the_times_no_cue_overlaps_another_goes_back_or_ends_before_it_begins(shown):
    for read in (read_srt(to_srt(shown)), read_vtt(to_vtt(shown))):
        times = [time for start, end, _ in read for time in (start, end)]
        assert times == sorted(times)
        assert all(start < end for start, end, _ in read)


def test_a_cue_ends_at_a_pause_and_what_is_too_long_at_its_longest_gap():
    starts = [0.0, 0.5, 1.0, 1.7, 2.2, 2.7, 5.0]
    words = [Word(text, start, start + 0.4, 1.0) for text, start in zip("abcdefg", starts, strict=True)]
    assert [cue.lines for cue in cues(words, longest_line=5, most_lines=1)] == [
        ("a b c",),
        ("d e f",),
        ("g",),
    ]
    assert [cue.lines for cue in cues(words, longest_line=9, most_lines=1)] == [
        ("a b c",),
        ("d e f",),
        ("g",),
    ]
    assert [cue.lines for cue in cues(words, longest_line=5, most_lines=2)] == [("a b c", "d e f"), ("g",)]


def test_of_gaps_as_long_as_each_other_the_last_one_divides_so_that_cues_are_full():
    words = [Word("a", index, index + 1, 1.0) for index in range(7)]
    shown = cues(words, longest_line=7, most_lines=1, longest_seconds=60)
    assert [cue.lines for cue in shown] == [("a a a a",), ("a a a",)]


def test_two_lines_are_about_as_long_as_each_other():
    words = [Word(text, index, index + 0.9, 1.0) for index, text in enumerate(["aaaa"] * 6)]
    assert cues(words, longest_line=24, longest_seconds=60)[0].lines == ("aaaa aaaa aaaa", "aaaa aaaa aaaa")


def test_recordings_of_days_have_hours_of_three_digits():
    shown = [Cue(("late",), 359_999.9996, 360_001.5)]
    assert "100:00:00,000 --> 100:00:01,500" in to_srt(shown)
    assert "100:00:00.000 --> 100:00:01.500" in to_vtt(shown)


def test_no_text_looks_like_a_time_or_a_tag():
    shown = [Cue(("a --> b ---> <c> & d",), 0, 1)]
    assert to_srt(shown) == "1\n00:00:00,000 --> 00:00:01,000\na -> b -> <c> & d\n"
    assert "\na --&gt; b ---&gt; &lt;c&gt; &amp; d\n" in to_vtt(shown)


def test_nothing_spoken_makes_an_empty_file_of_its_kind():
    assert cues([]) == cues([Word(" ", 0, 1, 0.5)]) == []
    assert (to_srt([]), to_vtt([])) == ("", "WEBVTT\n")


def test_lines_without_room_are_refused():
    with pytest.raises(ValueError, match="2 lines of 0 characters"):
        cues([], longest_line=0)
