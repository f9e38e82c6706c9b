"""How late a stream is written is told of the words that were heard rightly."""

import pytest

from benchmarks.transcription_latency import ends_of_words, lateness
from common.errors import UserError
from common.predicting.subtitles import Word


def test_a_word_is_late_by_the_time_from_its_end_to_its_last_symbol(tmp_path):
    table = tmp_path / "words.tsv"
    table.write_text(
        "file\ttranscript\twords (25 per second)\na\tset blue now\t10:20:set 20:30:blue 35:50:now\n"
    )
    ends = ends_of_words(table, 25)
    assert ends == {"set blue now": [0.8, 1.2, 2.0]}
    heard = [
        Word("set", 0.5, 0.9, 1),
        Word("blew", 1, 1.3, 1),
        Word("um", 1.4, 1.5, 1),
        Word("now", 1.6, 2.3, 1),
    ]
    assert lateness(heard, ["set", "blue", "now"], ends["set blue now"]) == pytest.approx([0.1, 0.3])


def test_a_table_without_times_is_refused(tmp_path):
    table = tmp_path / "words.tsv"
    table.write_text("file\ttranscript\na\tset\n")
    with pytest.raises(UserError, match="expected columns transcript and words"):
        ends_of_words(table, 25)
