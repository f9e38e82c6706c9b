"""Models move between the layers of `common.layers.recurrent` and those of `keras.layers`, with the weights they have.

Weights and configurations are the same, so a weights file serves both as it is. A `.keras` file also names the classes;
the file of a model with Keras's layers runs with ours by

    model = with_fast_layers(keras.models.load_model(path))

and the file of a model with our layers opens with Keras's, where this project is not installed, by

    names = ("SimpleRNN", "LSTM", "GRU")
    stock = {f"recurrent_applications>{name}": getattr(keras.layers, name) for name in names}
    model = keras.models.load_model(path, custom_objects=stock)
"""

from typing import Any

import keras

from common.layers.recurrent import GRU, LSTM, SimpleRNN

_PAIRS = [
    (SimpleRNN, keras.layers.SimpleRNN),
    (LSTM, keras.layers.LSTM),
    (GRU, keras.layers.GRU),
]


def with_fast_layers(model: keras.Model) -> keras.Model:
    """A copy of `model` in which Keras's SimpleRNN, LSTM and GRU, however nested, are those of this project."""
    return _rebuilt(model, {_class_of(stock): _identity(fast) for fast, stock in _PAIRS})


def _identity(layer: type) -> dict[str, Any]:
    """The entries by which a serialised configuration names a class."""
    config = keras.saving.serialize_keras_object(layer(1))
    return {key: config[key] for key in ("module", "class_name", "registered_name")}


def _class_of(layer: type) -> tuple[str, str]:
    identity = _identity(layer)
    return identity["module"], identity["class_name"]


def _rebuilt(model: keras.Model, replacements: dict[tuple[Any, Any], dict[str, Any]]) -> keras.Model:
    config = _renamed(keras.saving.serialize_keras_object(model), replacements)
    copy = keras.saving.deserialize_keras_object(config)
    copy.set_weights(model.get_weights())
    return copy


def _renamed(config: Any, replacements: dict[tuple[Any, Any], dict[str, Any]]) -> Any:
    """The configuration with classes replaced at every depth; the keys are modules and class names."""
    if isinstance(config, (list, tuple)):
        return type(config)(_renamed(part, replacements) for part in config)
    if not isinstance(config, dict):
        return config
    renamed = {key: _renamed(value, replacements) for key, value in config.items()}
    return renamed | replacements.get((config.get("module"), config.get("class_name")), {})
