"""Weights, configurations and files move between these layers and Keras's both ways; exported graphs run in C++."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.layers import recurrent
from common.layers.interchange import with_fast_layers

pytestmark = pytest.mark.slow

WORDS, TIME = 12, 6


def _model(module: object) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(WORDS, 3, mask_zero=True),
            keras.layers.Bidirectional(module.LSTM(4, return_sequences=True)),
            module.GRU(4, return_sequences=True, recurrent_dropout=0.1, seed=3),
            module.SimpleRNN(3, use_bias=False),
        ]
    )


def _tokens(batch: int) -> np.ndarray:
    generator = np.random.default_rng(batch)
    tokens = generator.integers(1, WORDS, (batch, TIME))
    tokens[np.arange(TIME) >= generator.integers(1, TIME + 1, batch)[:, None]] = 0
    return tokens.astype("int32")


def _recurrent_types(model: keras.Model) -> set[type]:
    return {type(layer) for layer in model._flatten_layers() if isinstance(layer, keras.layers.RNN)}


FAST = {recurrent.LSTM, recurrent.GRU, recurrent.SimpleRNN}
STOCK = {keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN}


@pytest.mark.parametrize(("source", "target"), [(recurrent, keras.layers), (keras.layers, recurrent)])
def test_a_weights_file_moves(source: object, target: object, tmp_path: Path) -> None:
    first, second = _model(source), _model(target)
    first.save_weights(tmp_path / "model.weights.h5")
    second.load_weights(tmp_path / "model.weights.h5")
    tokens = _tokens(4)
    np.testing.assert_allclose(first(tokens), second(tokens), atol=1e-6)


def test_a_keras_file_keeps_the_layers(tmp_path: Path) -> None:
    model = _model(recurrent)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert _recurrent_types(loaded) == FAST
    np.testing.assert_allclose(model(_tokens(4)), loaded(_tokens(4)), atol=1e-6)


def test_a_keras_file_of_ours_opens_where_only_keras_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = _model(recurrent)
    model.save(tmp_path / "model.keras")
    stock = {
        f"recurrent_applications>{name}": getattr(keras.layers, name) for name in ("SimpleRNN", "LSTM", "GRU")
    }
    for registered in stock:
        monkeypatch.delitem(keras.saving.get_custom_objects(), registered)
    loaded = keras.models.load_model(tmp_path / "model.keras", custom_objects=stock)
    assert _recurrent_types(loaded) == STOCK
    np.testing.assert_allclose(model(_tokens(4)), loaded(_tokens(4)), atol=1e-6)


def test_a_keras_file_of_keras_runs_with_our_layers(tmp_path: Path) -> None:
    model = _model(keras.layers)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    fast = with_fast_layers(loaded)
    assert _recurrent_types(fast) == FAST
    np.testing.assert_allclose(model(_tokens(4)), fast(_tokens(4)), atol=1e-6)


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_weights_and_configuration_are_those_of_keras(name: str) -> None:
    arguments = {
        "units": 3,
        "dropout": 0.1,
        "go_backwards": True,
        "kernel_regularizer": "l2",
        "name": "layer",
    }
    ours, stock = getattr(recurrent, name)(**arguments), getattr(keras.layers, name)(**arguments)
    assert ours.get_config() == stock.get_config()
    for layer in (ours, stock):
        layer.build((None, None, 2))
    assert [(w.path, w.shape) for w in ours.weights] == [(w.path, w.shape) for w in stock.weights]


def test_a_saved_model_runs_in_the_cpp_loader_at_any_batch_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Fewer steps are unrolled, which are traced faster.
    monkeypatch.setattr("common.layers.recurrence.steps.STEPS_PER_ITERATION", 2)
    model = keras.Sequential(
        [
            keras.layers.Embedding(WORDS, 3, mask_zero=True),
            recurrent.LSTM(4, return_sequences=True),
            recurrent.GRU(3),
        ]
    )
    model.build((None, None))
    signature = tf.TensorSpec([None, None], tf.int32, name="tokens")
    serve = tf.function(lambda tokens: {"states": model(tokens, training=False)}, input_signature=[signature])
    concrete = serve.get_concrete_function()
    root = tf.Module()
    root.weights = list(concrete.variables)
    tf.saved_model.save(root, str(tmp_path), signatures={"serving_default": concrete})
    operations = {node.op for f in concrete.graph.as_graph_def().library.function for node in f.node_def}
    assert not {name for name in operations if "PyFunc" in name or "cudnn" in name.lower()}
    expected = {batch: model(_tokens(batch)).numpy() for batch in (0, 1, 3, 60)}
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(tmp_path))
        served = loaded.signature_def["serving_default"]
        for batch, states in expected.items():
            feed = {served.inputs["tokens"].name: _tokens(batch)}
            np.testing.assert_allclose(session.run(served.outputs["states"].name, feed), states, atol=1e-6)
