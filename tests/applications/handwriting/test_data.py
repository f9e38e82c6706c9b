"""Batches hold each drawing with its label; words and characters train together; what cannot be learnt is counted."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from applications.handwriting.config import PRESETS
from applications.handwriting.data import count_steps, training_batches, training_examples, validation_batches
from applications.handwriting.ink import points_of
from applications.handwriting.ink_sources import InkSource
from applications.handwriting.model import frames_of
from applications.handwriting.preprocessing import FEATURES
from common.errors import UserError
from common.training.ctc_examples import FRAMES, LABELS, LENGTH

RNG = np.random.default_rng(0)


def write(path, rows):
    """Scribbles of so many letters with their texts and writers."""
    lines = []
    for letters, text, writer in rows:
        time = np.linspace(0, letters, 12 * letters)
        place = np.stack([time, np.sin(9 * time) + RNG.normal(0, 0.02, len(time))], axis=1)
        lines.append(json.dumps({"text": text, "writer": writer, "strokes": [place.round(4).tolist()]}))
    path.write_text("\n".join(lines) + "\n")
    return path


def config_of(path: Path, validation=None, **fields):
    return replace(PRESETS["tiny"], source=InkSource(data=str(path)), validation=validation, **fields)


@pytest.fixture
def words(tmp_path):
    return write(
        tmp_path / "words.jsonl", [(len(text), text, "ann") for text in ["no", "son", "noon", "so"] * 5]
    )


@pytest.fixture
def characters(tmp_path):
    rows = [(2, text, writer) for writer in ("bob", "eve") for text in "nos7" * 3]
    return write(tmp_path / "characters.jsonl", rows)


@pytest.fixture
def validation(tmp_path):
    return write(tmp_path / "held.jsonl", [(4, "noon", "tom"), (2, "so", "tom"), (1, "n", "tom")])


def labels_in(batches, examples):
    return [
        examples.symbols.decode(target[LABELS : LABELS + target[LENGTH]])
        for _, targets in batches.as_numpy_iterator()
        for target in targets
    ]


def test_every_drawing_comes_once_an_epoch_with_its_label_and_its_frames(words, validation):
    config = config_of(words, validation)
    examples = training_examples(config)
    batches, steps = training_batches(examples, config, range(2))
    assert steps == 3
    texts = labels_in(batches, examples)
    assert sorted(texts) == sorted(list(examples.training.texts) * 2)
    for (features, counts), targets in batches.as_numpy_iterator():
        assert features.shape[1:] == (max(counts), FEATURES)
        np.testing.assert_array_equal(targets[:, FRAMES], frames_of(config, counts))
        assert (targets[:, FRAMES] >= targets[:, LENGTH]).all()


def test_words_and_characters_train_together_the_characters_in_strings_of_one_writer(
    words, characters, validation
):
    config = config_of(words, validation, also=(characters,), join=(2, 3))
    examples = training_examples(config)
    assert len(examples.training) == 20 + 24
    assert examples.symbols.names == ("7", "n", "o", "s")
    first, again = (
        labels_in(training_batches(examples, config, range(epoch, epoch + 1))[0], examples)
        for epoch in (0, 1)
    )
    for texts in (first, again):
        strings = [text for text in texts if text not in ("no", "son", "noon", "so") or "7" in text]
        assert all(2 <= len(text) <= 3 for text in strings)
        assert sum(map(len, texts)) == pytest.approx(sum(map(len, examples.training.texts)), abs=14)
    assert sorted(first) != sorted(again), "strings are drawn anew"
    assert list(examples.validation.texts).count("n") <= 1


def test_the_same_epoch_is_the_same_whenever_it_comes(words, characters, validation):
    config = config_of(words, validation, also=(characters,), join=(2, 3))
    examples = training_examples(config)
    through, after = (training_batches(examples, config, epochs)[0] for epochs in (range(2), range(1, 2)))
    resumed = list(after.as_numpy_iterator())
    for (inputs, targets), (same_inputs, same_targets) in zip(
        list(through.as_numpy_iterator())[-len(resumed) :], resumed, strict=True
    ):
        np.testing.assert_array_equal(targets, same_targets)
        np.testing.assert_array_equal(inputs[0], same_inputs[0])


def test_validation_is_neither_changed_nor_shuffled_and_the_same_beside_all_data(
    words, characters, validation
):
    config = config_of(words, validation, also=(characters,))
    examples = training_examples(config)
    batches, texts = validation_batches(examples, config)
    assert texts == ["n", "so", "noon"]
    ((features, counts), _), *_ = batches.as_numpy_iterator()
    expected = count_steps([points_of(ink) for ink in examples.validation.inks])
    np.testing.assert_array_equal(np.sort(counts), np.sort(expected))
    assert not features[0, counts[0] :].any()


def test_without_validation_of_its_own_writers_of_all_data_are_held_out(tmp_path):
    rows = [(3, "no", f"writer{number % 20}") for number in range(60)]
    one, other = (write(tmp_path / name, rows) for name in ("a.jsonl", "b.jsonl"))
    examples = training_examples(config_of(one, also=(other,), validation_fraction=0.2))
    held, trained = set(examples.validation.writers), set(examples.training.writers)
    assert held
    assert not held & trained
    assert len(examples.training) + len(examples.validation) == 120


def test_a_text_longer_than_its_ink_is_left_out_and_counted(tmp_path, validation):
    rows = [(1, "no noon no noon no noon noon noon", "ann"), (4, "so", "ann"), (4, "noon", "ann")]
    examples = training_examples(config_of(write(tmp_path / "words.jsonl", rows), validation))
    assert list(examples.training.texts) == ["so", "noon"]
    assert examples.training.left_out["more symbols than frames"] == 1


def test_a_validation_text_with_symbols_that_training_lacks_is_refused_in_one_line(tmp_path, words):
    held = write(tmp_path / "held.jsonl", [(2, "no", "tom"), (3, "yes", "tom")])
    with pytest.raises(UserError) as refused:
        training_examples(config_of(words, held))
    assert "the text 'yes' has 'e', 'y', which no training text has" in str(refused.value)
    assert "\n" not in str(refused.value)
