"""The recurrence reads the history, and makes one step from its end to each future segment, as stock cells do."""

import keras
import numpy as np
import pytest

from common.layers.segment_recurrence import SegmentRecurrence

BATCH, SEGMENTS, AHEAD, FEATURES, UNITS = 2, 5, 3, 4, 6
CELLS = {"lstm": keras.layers.LSTMCell, "gru": keras.layers.GRUCell, "rnn": keras.layers.SimpleRNNCell}


def _values(steps, seed):
    return np.random.default_rng(seed).normal(size=(BATCH, steps, FEATURES)).astype(np.float32)


def _cells(cell, layers, weights):
    cells, width = [], FEATURES
    for _ in range(layers):
        one = CELLS[cell](UNITS)
        one.build((BATCH, width))
        one.set_weights([weights.pop(0) for _ in one.get_weights()])
        cells.append(one)
        width = UNITS
    return cells


def _stepped(cells, inputs, states):
    """One step through all layers."""
    after = []
    for cell, state in zip(cells, states, strict=True):
        inputs, state = cell(inputs, state)
        after.append(state if isinstance(state, list) else [state])
    return inputs, after


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_each_future_segment_is_one_step_of_stock_cells_from_the_end_of_the_history(cell, layers):
    recurrence = SegmentRecurrence(cell, UNITS, layers)
    history, future = _values(SEGMENTS, 1), _values(AHEAD, 2)
    outputs = recurrence(history, future)
    cells = _cells(cell, layers, recurrence.get_weights())
    states = [[np.zeros((BATCH, UNITS), np.float32)] * (2 if cell == "lstm" else 1) for _ in cells]
    for step in range(SEGMENTS):
        _, states = _stepped(cells, history[:, step], states)
    expected = [_stepped(cells, future[:, step], states)[0] for step in range(AHEAD)]
    np.testing.assert_allclose(outputs, np.stack(expected, axis=1), atol=1e-5)


def test_training_without_dropout_gives_the_same_and_with_dropout_drops_between_layers():
    history, future = _values(SEGMENTS, 1), _values(AHEAD, 2)
    for layers, dropout, is_same in ((1, 0.5, True), (2, 0.0, True), (2, 0.5, False)):
        recurrence = SegmentRecurrence("gru", UNITS, layers, dropout)
        trained, served = (
            np.asarray(recurrence(history, future, training=training)) for training in (True, False)
        )
        assert np.allclose(trained, served, atol=1e-6) == is_same


def test_a_forecast_of_a_segment_does_not_depend_on_the_others():
    recurrence = SegmentRecurrence("gru", UNITS)
    history, future = _values(SEGMENTS, 1), _values(AHEAD, 2)
    outputs = np.asarray(recurrence(history, future))
    turned = np.asarray(recurrence(history, future[:, ::-1]))
    np.testing.assert_allclose(turned, outputs[:, ::-1], atol=1e-6)


def test_a_future_of_another_width_is_refused():
    recurrence = SegmentRecurrence("gru", UNITS)
    with pytest.raises(
        ValueError, match="expected as many features of the future as of the history, got 3 and 4"
    ):
        recurrence(_values(SEGMENTS, 1), _values(AHEAD, 2)[..., :3])


def test_it_is_kept_in_a_keras_file(tmp_path):
    history, future = keras.Input((SEGMENTS, FEATURES)), keras.Input((AHEAD, FEATURES))
    model = keras.Model([history, future], SegmentRecurrence("lstm", UNITS, 2, 0.1)(history, future))
    model.save(tmp_path / "model.keras")
    anew = keras.models.load_model(tmp_path / "model.keras")
    given = [_values(SEGMENTS, 1), _values(AHEAD, 2)]
    np.testing.assert_allclose(anew(given), model(given), atol=1e-6)
