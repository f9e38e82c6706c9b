"""Error rates are the fewest edits over what was said, as dynamic programming finds them; alignments show them."""

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.evaluation.transcription import (
    AS_RECORDED,
    aligned,
    by_length,
    by_noise,
    character_error_rate,
    characters_right,
    confusions,
    most_wrong,
    transcription_metrics,
    word_error_rate,
    words_right,
    write_most_wrong,
)

WORDS = st.lists(st.sampled_from(["a", "an", "nan", "ban", "*", "Ä"]), max_size=7).map(" ".join)
PAIRS = st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=6)


def distance(said, read):
    """Wagner and Fischer's table, row by row."""
    row = list(range(len(read) + 1))
    for i, one in enumerate(said, start=1):
        before, row = row, [i]
        for j, other in enumerate(read, start=1):
            row.append(min(before[j - 1] + (one != other), before[j] + 1, row[j - 1] + 1))
    return row[-1]


def expected_rate(pairs, units_of):
    units = sum(len(units_of(said)) for said, _ in pairs)
    return sum(distance(units_of(said), units_of(read)) for said, read in pairs) / units if units else None


@given(PAIRS)
def test_rates_are_the_fewest_edits_of_all_sentences_over_all_that_was_said(pairs):
    said, read = zip(*pairs, strict=True)
    metrics = transcription_metrics(said, read)
    assert metrics["word_error_rate"] == word_error_rate(said, read) == expected_rate(pairs, str.split)
    assert metrics["character_error_rate"] == character_error_rate(said, read) == expected_rate(pairs, str)
    assert metrics["exact_match"] == np.mean([one == other for one, other in pairs])


@given(PAIRS)
def test_counts_of_edits_add_up_and_account_for_the_lengths(pairs):
    said, read = zip(*pairs, strict=True)
    metrics = transcription_metrics(said, read)
    edits = metrics["substitutions"] + metrics["deletions"] + metrics["insertions"]
    assert edits == sum(distance(one.split(), other.split()) for one, other in pairs)
    words_read = sum(len(text.split()) for text in read)
    assert metrics["words"] - metrics["deletions"] + metrics["insertions"] == words_read


def test_the_kinds_of_errors_of_a_sentence_that_one_counts_by_hand():
    metrics = transcription_metrics(["set an alarm for ten please"], ["set the alarm ten please now"])
    counts = {name: metrics[name] for name in ("substitutions", "deletions", "insertions", "words")}
    assert counts == {"substitutions": 1, "deletions": 1, "insertions": 1, "words": 6}
    assert metrics["word_error_rate"] == 0.5


def test_words_read_where_nothing_was_said_count_among_other_sentences_as_insertions():
    metrics = transcription_metrics(["", "go on", ""], ["no no", "go on", ""])
    assert (metrics["insertions"], metrics["word_error_rate"], metrics["exact_match"]) == (2, 1.0, 2 / 3)


def test_nothing_said_anywhere_has_no_rate_rather_than_a_wrong_one():
    metrics = transcription_metrics(["", " "], ["one two", ""])
    assert metrics["word_error_rate"] is None
    assert metrics["character_error_rate"] is None
    assert (metrics["words"], metrics["insertions"]) == (0, 2)


def test_nothing_read_is_all_deletions():
    metrics = transcription_metrics(["one two", "three"], ["", ""])
    assert (metrics["word_error_rate"], metrics["deletions"], metrics["exact_match"]) == (1.0, 3, 0.0)


def test_white_space_divides_words_and_is_nothing_else():
    metrics = transcription_metrics([" turn\tit  off\n"], ["turn it\u00a0off"])
    assert (metrics["word_error_rate"], metrics["character_error_rate"]) == (0.0, 0.0)
    assert metrics["exact_match"] == 1.0


def test_capitals_and_punctuation_count():
    assert word_error_rate(["Stop, now"], ["stop now"]) == 0.5


def test_what_cannot_be_measured_is_told():
    with pytest.raises(ValueError, match="no sentences"):
        transcription_metrics([], [])
    with pytest.raises(ValueError, match="2 references and 1 hypotheses"):
        word_error_rate(["a", "b"], ["a"])


def test_each_range_of_lengths_is_measured_alone_and_ranges_without_a_sentence_are_left_out():
    said = ["yes", "one two three", "a b c d", "", "w " * 41, "w " * 900]
    read = ["yes", "one two", "a b c d", "no", "w " * 41, ""]
    rows = by_length(said, read)
    assert {name: row["sentences"] for name, row in rows.items()} == {
        "no words": 1,
        "1-3 words": 2,
        "4-6 words": 1,
        "over 40 words": 2,
    }
    assert rows["1-3 words"]["word_error_rate"] == 0.25
    assert rows["no words"]["word_error_rate"] is None
    assert rows["over 40 words"]["word_error_rate"] == 900 / 941


def test_lengths_are_counted_in_characters_where_that_is_asked_for():
    rows = by_length(["a b c", "long one"], ["a b c", "long"], "characters")
    assert {name: row["exact_match"] for name, row in rows.items()} == {
        "1-3 characters": 1.0,
        "7-10 characters": 0.0,
    }


def test_noise_levels_are_named_and_stand_in_their_order():
    rows = by_noise(["go on"], {AS_RECORDED: ["go on"], 20: ["go on"], 2.5: ["go"]})
    assert [(name, row["word_error_rate"]) for name, row in rows.items()] == [
        ("as recorded", 0.0),
        ("20 dB", 0.0),
        ("2.5 dB", 0.5),
    ]


def test_confusions_are_counted_over_all_sentences_and_name_what_was_left_out_or_added():
    said = ["five please", "five", "nine", "the end", "go"]
    read = ["nine please", "nine", "five", "end", "go go"]
    assert confusions(said, read) == [("five", "nine", 2), ("", "go", 1), ("nine", "five", 1), ("the", "", 1)]
    assert confusions(said, read, count=1) == [("five", "nine", 2)]
    assert confusions(["yes"], ["yes"]) == []


@given(WORDS.map(lambda text: text.replace("*", "x")), WORDS.map(lambda text: text.replace("*", "y")))
def test_aligned_lines_hold_both_texts_word_below_word_with_an_asterisk_in_both_where_they_differ(said, read):
    above, below = aligned(said, read)
    assert [word.strip("*") for word in above.split() if word.strip("*")] == said.split()
    assert [word.strip("*") for word in below.split() if word.strip("*")] == read.split()
    columns = list(zip(above.split(), below.split(), strict=True))
    assert sum("*" in one for one, _ in columns) == distance(said.split(), read.split())
    for one, other in columns:
        assert ("*" in one) == ("*" in other) == (one != other or set(one) == {"*"})
    starts = [
        [index for index, _ in enumerate(line) if f" {line}"[index] == " " != line[index]]
        for line in (above, below)
    ]
    assert starts[0] == starts[1]


@given(WORDS, WORDS)
def test_each_word_read_is_right_or_wrong_and_as_many_are_right_as_an_alignment_of_fewest_edits_has(
    said, read
):
    right = words_right(said, read)
    metrics = transcription_metrics([said], [read])
    assert len(right) == len(read.split())
    assert sum(right) == metrics["words"] - metrics["substitutions"] - metrics["deletions"]
    assert [
        word for word, is_right in zip(read.split(), right, strict=True) if is_right and word not in said
    ] == []


@given(WORDS, WORDS)
def test_each_character_read_is_right_or_wrong(said, read):
    right = characters_right(said, read)
    letters = read.replace(" ", "")
    assert len(right) == len(letters)
    assert len(letters) - sum(right) <= distance(said.replace(" ", ""), letters)


@given(PAIRS, st.integers(1, 3))
def test_the_most_wrong_sentences_come_first_and_right_ones_never(pairs, count):
    said, read = zip(*pairs, strict=True)
    errors = [distance(one.split(), other.split()) for one, other in pairs]
    chosen = most_wrong(said, read, count)
    assert [errors[index] for index in chosen] == [e for e in sorted(errors, reverse=True) if e][:count]


def test_mistakes_are_written_as_lines_that_show_where_they_are(tmp_path):
    said, read = ["yes", "set an\talarm", '"stop'], ["yes", "set no\narm", ""]
    write_most_wrong(tmp_path / "new" / "mistakes.tsv", ["a.wav", "b\tc.wav", "d.wav"], said, read)
    with (tmp_path / "new" / "mistakes.tsv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert rows == [
        ["recording", "errors", "words", "reference", "hypothesis"],
        ["b c.wav", "2", "3", "set *an* *alarm*", "set *no* *arm*"],
        ["d.wav", "1", "1", '*"stop*', "*******"],
    ]
