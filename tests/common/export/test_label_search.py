"""A text and words have a say in what is read, and what cannot have one is refused."""

import pytest
import tensorflow as tf

from common.audio.transcript_text import normalised_transcript
from common.decoding.ctc import greedy
from common.errors import FlagError, UserError
from common.export.label_search import SearchOptions, make_search
from common.export.script import ExportOptions
from common.text.symbols import Symbols

WORDS = Symbols("words", ("hi", "lo"))
LETTERS = Symbols("characters", ("a", "b", "c"))


def options(tmp_path, **fields):
    return SearchOptions(ExportOptions(tmp_path / "run"), **fields)


def search_with(tmp_path, symbols, lines, name, **fields):
    (tmp_path / "lines.txt").write_text(lines)
    return make_search(
        symbols, options(tmp_path, **{name: tmp_path / "lines.txt"}, **fields), normalised_transcript
    )


def read(search, path, symbols):
    """What is read where each frame's symbol is ten times as probable as any other."""
    logits = tf.math.log(1.0 + 9 * tf.one_hot([path], search.symbols.count))
    return symbols.texts(search.best(logits, tf.constant([len(path)])).numbers).numpy()[0].decode()


def test_the_lines_of_a_text_are_read_in_the_spelling_of_the_model(tmp_path):
    search = search_with(tmp_path, WORDS, "hi lo\nHi, hi!\nsomething else\n", "language_model")
    assert len(search.language_models) == 1


def test_with_a_lexicon_no_other_word_is_read(tmp_path):
    free = make_search(LETTERS, options(tmp_path), str)
    path = [1, 1, 1, 0, 2, 2, 2]
    assert read(free, path, LETTERS) == "ab"
    assert read(search_with(tmp_path, LETTERS, "ac\nba\n", "lexicon"), path, LETTERS) in ("ac", "ba")


def test_a_language_model_decides_where_the_input_is_in_doubt(tmp_path):
    search = search_with(tmp_path, LETTERS, "ac\n" * 50, "language_model", lm_weight=3.0)
    assert read(search, [1, 1, 1, 0, 2, 2, 2], LETTERS) == "ac"


def test_a_beam_of_one_reads_greedily(tmp_path):
    search = make_search(LETTERS, options(tmp_path, beam_width=1), str)
    logits, frames = tf.random.stateless_normal([3, 9, 4], [1, 2]), tf.constant([9, 4, 1])
    expected = greedy(logits, frames)
    assert search.best(logits, frames).numbers.numpy().tolist() == expected.labels.numpy().tolist()


@pytest.mark.parametrize(("name", "flag"), [("language_model", "--language-model"), ("lexicon", "--lexicon")])
def test_a_text_in_no_symbols_of_the_model_is_refused_in_one_line(tmp_path, name, flag):
    with pytest.raises((UserError, FlagError)) as refused:
        search_with(tmp_path, WORDS, "nothing known\n", name)
    assert str(refused.value).startswith(
        f"{flag} {tmp_path / 'lines.txt'}: no line is written in the model's words"
    )
    with pytest.raises(FlagError, match=f"{flag}: it has a say in a search only"):
        options(tmp_path, beam_width=1, **{name: tmp_path / "lines.txt"})
