"""A model begins with what another has learned, and with nothing else of it."""

import keras
import numpy as np
import pytest

from common.errors import UserError
from common.layers.stack import RecurrentStack
from common.layers.stateful_stack import StreamedStack
from common.training.init_from import Origin
from common.training.run_folder import FinishedRun

TIME, FEATURES = 4, 3


def model_of(rows, units=5):
    """A model of streams that come in so many rows."""
    windows = keras.Input((TIME, FEATURES), rows)
    starts = keras.Input((), rows, dtype="bool")
    stream = StreamedStack(RecurrentStack("lstm", units, layers=2), rows, evaluation_rows=2, name="states")
    return keras.Model([windows, starts], keras.layers.Dense(2)(stream(windows, starts)))


def origin_of(model, tmp_path):
    model.save_weights(tmp_path / "best.weights.h5")
    return Origin(tmp_path, FinishedRun(None, {}, {}, tmp_path / "best.weights.h5"))


def test_a_model_of_streams_takes_over_what_was_learned_whatever_the_batch_size(tmp_path):
    taught, begun = model_of(rows=4), model_of(rows=6)
    taught([np.ones((4, TIME, FEATURES)), np.zeros(4, bool)], training=True)
    states = taught.get_layer("states").stream_states
    assert all(np.any(state) for state in states[:4]), "the streams have come somewhere"
    origin_of(taught, tmp_path).copy_weights(model_of(rows=4), begun)
    for ours, theirs in zip(begun.trainable_weights, taught.trainable_weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not any(np.any(state) for state in begun.get_layer("states").stream_states)


def test_the_streams_of_a_model_of_the_same_batch_size_begin_anew_too(tmp_path):
    taught, begun = model_of(rows=4), model_of(rows=4)
    taught([np.ones((4, TIME, FEATURES)), np.zeros(4, bool)], training=True)
    origin_of(taught, tmp_path).copy_weights(model_of(rows=4), begun)
    assert not any(np.any(state) for state in begun.get_layer("states").stream_states)


def test_another_size_of_what_is_learned_is_still_refused(tmp_path):
    with pytest.raises(UserError, match=r"has the shape \[3, 20\], not \[3, 28\]"):
        origin_of(model_of(rows=4), tmp_path).copy_weights(model_of(rows=4), model_of(rows=4, units=7))
