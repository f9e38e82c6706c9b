"""The model reads a stream in any pieces, never sees what it predicts, and is the same in training as in use."""

from dataclasses import replace

import numpy as np
import pytest

from applications.text_generation.config import PRESETS
from applications.text_generation.data import VALIDATION_ROWS
from applications.text_generation.model import CharacterEmbedding, build, read

TINY = replace(PRESETS["tiny"], layers=2)
CHARACTERS = 20
NUMBERS = np.random.default_rng(0).integers(1, CHARACTERS, (VALIDATION_ROWS, 24)).astype(np.int32)


def zero_states(model, rows):
    return model.get_layer("states").stack.zero_states(rows)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_the_stream_in_windows_is_one_long_read(cell):
    model = build(replace(TINY, cell=cell, residual=True), CHARACTERS)
    expected, _ = read(model, NUMBERS, zero_states(model, VALIDATION_ROWS))
    pieces = [
        model({"characters": NUMBERS[:, piece], "starts": np.full(VALIDATION_ROWS, piece.start == 0)})
        for piece in (slice(0, 7), slice(7, 8), slice(8, 24))
    ]
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), expected, atol=1e-5)


def test_padding_leaves_the_states_as_they_are():
    model = build(TINY, CHARACTERS)
    mask = np.arange(24) < np.array([24, 5, 0, 1])[:, None]
    _, states = read(model, NUMBERS[:4], zero_states(model, 4), mask)
    for row, length in ((0, 24), (1, 5), (3, 1)):
        _, alone = read(model, NUMBERS[row : row + 1, :length], zero_states(model, 1))
        for padded, exact in zip(states, alone, strict=True):
            np.testing.assert_allclose(padded[row], exact[0], atol=1e-6)
    for state in states:
        assert not np.asarray(state)[2].any()


def test_logits_depend_on_no_later_character():
    model = build(TINY, CHARACTERS)
    changed = NUMBERS.copy()
    changed[:, 10] = CHARACTERS - changed[:, 10]
    before, after = (
        np.asarray(read(model, one, zero_states(model, len(one)))[0]) for one in (NUMBERS, changed)
    )
    moved = np.abs(before - after).max(axis=-1)
    assert not moved[:, :10].any()
    assert moved[changed[:, 10] != NUMBERS[:, 10]][:, 10:].all()


def test_tied_vectors_are_the_rows_of_the_output_matrix():
    tied, free = (build(replace(TINY, tied=tied, embedding_units=16), CHARACTERS) for tied in (True, False))
    assert tied.count_params() == free.count_params() - CHARACTERS * 16
    embedding, logits = tied.get_layer("embedding"), tied.get_layer("logits")
    states = np.random.default_rng(1).normal(size=(2, 16)).astype(np.float32)
    expected = states @ np.asarray(embedding.table).T + np.asarray(logits.bias)
    np.testing.assert_allclose(logits(states), expected, atol=1e-5)


def test_dropped_characters_are_zero_wherever_they_stand_and_the_others_are_scaled_up():
    layer = CharacterEmbedding(CHARACTERS, 4, dropout=0.5, seed=1)
    whole, dropped = (np.asarray(layer(NUMBERS, training=training)) for training in (False, True))
    is_zero = ~dropped.any(axis=-1)
    for number in np.unique(NUMBERS):
        assert len(set(is_zero[number == NUMBERS])) == 1
    assert 0 < is_zero.mean() < 1
    np.testing.assert_allclose(dropped[~is_zero], 2 * whole[~is_zero], rtol=1e-6)
    again = ~np.asarray(layer(NUMBERS, training=True)).any(axis=-1)
    assert (again != is_zero).any()


def test_mixed_precision_gives_float32_logits_close_to_full_precision():
    full, mixed = (build(TINY, CHARACTERS, precision=one) for one in ("float32", "mixed_bfloat16"))
    mixed.set_weights(full.get_weights())
    inputs = {"characters": NUMBERS, "starts": np.ones(VALIDATION_ROWS, bool)}
    assert mixed(inputs).dtype == "float32"
    np.testing.assert_allclose(mixed(inputs), full(inputs), atol=0.05)
