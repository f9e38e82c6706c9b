"""The training stream is the whole text in order, row by row and batch by batch; what is too short is refused."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from applications.text_generation.config import PRESETS
from applications.text_generation.data import (
    VALIDATION_ROWS,
    encode,
    make_characters,
    steps_per_epoch,
    training_batches,
    training_examples,
    validation_batches,
)
from common.errors import UserError
from common.text.running import RawText, RawTextSource

TINY = PRESETS["tiny"]
STREAM = np.arange(1, 1001, dtype=np.int32)


def rows_of(batches):
    """Inputs and targets of all batches, each row put together again, and which windows begin a row."""
    pieces = [
        (inputs["characters"], targets, inputs["starts"]) for inputs, targets in batches.as_numpy_iterator()
    ]
    inputs, targets = (np.concatenate([piece[index] for piece in pieces], axis=1) for index in (0, 1))
    return inputs, targets, np.stack([piece[2] for piece in pieces])


def test_an_epoch_reads_the_text_in_order_as_a_ring_each_character_after_the_one_before():
    rows, window = 3, 20
    assert steps_per_epoch(STREAM, rows, window) == 16
    inputs, targets, starts = rows_of(training_batches(STREAM, rows, window, epochs=range(1), seed=5))
    assert targets.shape == (3, 320)
    read = targets.reshape(-1)
    assert len(set(read)) == 960  # nothing twice; 1000 - 960 characters do not fill another batch
    np.testing.assert_array_equal(np.roll(STREAM, 1 - read[0])[:960], read)
    np.testing.assert_array_equal(inputs[:, 1:], targets[:, :-1])
    assert not inputs[:, 0].any()
    assert starts[0].all()
    assert not starts[1:].any()


def test_an_epoch_depends_on_seed_and_number_alone():
    def epochs(numbers, seed=5):
        return rows_of(training_batches(STREAM, 3, 20, epochs=numbers, seed=seed))[1]

    both = epochs(range(2))
    np.testing.assert_array_equal(both[:, 320:], epochs(range(1, 2)))
    assert (both[:, :320] != both[:, 320:]).any()
    assert (both[:, :320] != epochs(range(1), seed=6)).any()


@given(st.integers(1, 9), st.integers(1, 40), st.integers(1, 3000))
def test_any_text_that_fills_a_batch_is_read(rows, window, length):
    steps = steps_per_epoch(np.arange(length), rows, window)
    assert steps * rows * window <= length < (steps + 1) * rows * window


@pytest.mark.parametrize("length", [16, 17, 16 * 512, 16 * 512 + 16, 16 * 1300 + 5])
def test_validation_reads_all_but_a_last_few_characters_in_windows_of_like_length(length):
    stream = np.arange(1, length + 1, dtype=np.int32)
    batches = validation_batches(stream, VALIDATION_ROWS)
    inputs, targets, starts = rows_of(batches)
    assert len(batches) == len(starts)
    np.testing.assert_array_equal(targets.reshape(-1), stream[: length // 16 * 16])
    np.testing.assert_array_equal(inputs[:, 1:], targets[:, :-1])
    assert starts[0].all()
    assert not starts[1:].any()
    widths = [len(batch[0]) for _, batch in batches.as_numpy_iterator()]
    assert max(widths) <= 512
    assert max(widths) - min(widths) < len(widths)


def test_the_characters_are_chosen_in_training_alone_and_others_are_unknown():
    characters = make_characters(TINY, RawText("a", "banana\nλ"))
    assert characters.vocabulary == "an"
    assert encode(RawText("b", "nab λ"), characters).tolist() == [2, 1, 0, 0, 0]


def write(path, text):
    path.write_text(text, "utf-8")
    return replace(TINY, source=RawTextSource(str(path)))


def test_a_users_text_is_cut_in_three_unless_there_is_a_file_to_validate_on(tmp_path):
    text = "".join(chr(97 + index * 7 % 26) for index in range(1000))
    config = write(tmp_path / "a.txt", text)
    train, validation = training_examples(config)
    assert (train.text, validation.text) == (text[:900], text[900:950])
    other = tmp_path / "b.txt"
    other.write_text("something else, long enough", "utf-8")
    train, validation = training_examples(replace(config, validation=other))
    assert (train.text, validation.text) == (text, "something else, long enough")


def test_a_text_too_short_for_a_batch_is_refused_with_what_it_takes(tmp_path):
    with pytest.raises(UserError, match=r"a\.txt .*: 180 characters are fewer .* expected 265 or more"):
        training_examples(write(tmp_path / "a.txt", "x" * 200))


def test_too_little_to_validate_on_is_refused(tmp_path):
    config = write(tmp_path / "a.txt", "x" * 1000)
    short = tmp_path / "b.txt"
    short.write_text("fifteen letters", "utf-8")
    with pytest.raises(UserError, match=r"b\.txt: 15 characters are too few to validate on; expected 16"):
        training_examples(replace(config, validation=short))


def test_a_text_without_a_frequent_character_is_refused():
    with pytest.raises(UserError, match=r"a: no character occurs 3 times or more \(--min-count\)"):
        make_characters(replace(TINY, min_count=3), RawText("a", "aabb"))
