"""The translator's network with random weights, in a folder that all contenders read."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import keras
import numpy as np

from applications.translation.config import Config
from applications.translation.model import build
from benchmarks.translation.cases import (
    KERAS_WEIGHTS,
    TORCH_WEIGHTS,
    Network,
    write_batches,
    write_network,
    write_sentences,
)
from benchmarks.translation.sentences import sentences, training_batches
from common.errors import UserError
from common.text.subwords import FIRST_PIECE
from common.training.options import Precision, TrainingOptions

# Scores this far apart leave no doubt about the order of tokens that two libraries compute in another order.
_SHARPNESS = 4.0
_OPTIMIZER = ("learning_rate", "beta_2", "weight_decay", "clip_norm")


def network_of(config: Config) -> Network:
    """What of a configuration the contenders need.

    Raises:
        UserError: it is of another kind than the one that the peer computes.
    """
    kind = (config.cell, config.attention, config.input_feeding, config.encoder_layers, config.decoder_layers)
    if kind != ("lstm", "multiplicative", True, 1, 1):
        raise UserError(
            f"{config.cell}, {config.attention} attention, input feeding {config.input_feeding}, layers "
            f"{config.encoder_layers} and {config.decoder_layers}: expected one LSTM layer each, multiplicative "
            "attention and input feeding, the network that is timed against PyTorch"
        )
    optimizer = {name: getattr(config.training, name) for name in _OPTIMIZER}
    sizes = {
        field.name: getattr(config, field.name) for field in fields(Network) if hasattr(config, field.name)
    }
    return Network(tokens=FIRST_PIECE + config.subwords, **sizes, **optimizer)


def config_of(network: Network) -> Config:
    """The configuration of the application's model; its optimiser has a constant rate and no averaging."""
    values = {name: value for name, value in vars(network).items() if name != "tokens"}
    optimizer = {name: values.pop(name) for name in _OPTIMIZER}
    training = TrainingOptions(warmup=0.0, final_learning_rate=1.0, averaging=0.0, **optimizer)
    return Config(training=training, **values)


def model_of(folder: Path, network: Network, precision: Precision = "float32") -> keras.Model:
    """The application's model with the weights of the folder."""
    model = build(config_of(network), network.tokens, precision)
    model.load_weights(folder / KERAS_WEIGHTS)
    return model


def fill(folder: Path, network: Network, batch_size: int, batches: int, searched: Sequence[int]) -> None:
    """Writes the network, its random weights, batches of training, and sentences to translate.

    Args:
        folder: it exists.
        network: sizes and the rest.
        batch_size: pairs of a batch on average.
        batches: how many of them.
        searched: how many sentences are translated side by side, each in a file of its own.
    """
    write_network(folder, network)
    model = build(config_of(network), network.tokens)
    projection = model.get_layer("projection").kernel
    projection.assign(_SHARPNESS * projection)
    model.save_weights(folder / KERAS_WEIGHTS)
    weights: dict[str, Any] = {**torch_weights(model)}
    np.savez(folder / TORCH_WEIGHTS, **weights)
    write_batches(folder, training_batches(network.tokens, batch_size, batches))
    for count in searched:
        write_sentences(folder, sentences(count, network.tokens))


def torch_weights(model: keras.Model) -> dict[str, np.ndarray]:
    """The weights by the names and in the layouts of the PyTorch module. PyTorch's second bias is zero."""
    embedding, decoder, projection = (
        model.get_layer(name) for name in ("embedding", "decoder", "projection")
    )
    directions = model.get_layer("encoder").recurrent_layers[0]
    weights = {
        "embedding.weight": embedding.table,
        "output_bias": embedding.bias,
        "bridge.weight": _transposed(decoder.bridge.kernel),
        "bridge.bias": decoder.bridge.bias,
        "keys.weight": _transposed(decoder.attention.kernel),
        "combination.weight": _transposed(decoder.combination),
        "projection.weight": _transposed(projection.kernel),
        "projection.bias": projection.bias,
        **_lstm_weights("encoder", directions.forward_layer.cell, "_l0"),
        **_lstm_weights("encoder", directions.backward_layer.cell, "_l0_reverse"),
        **_lstm_weights("decoder", decoder.recurrence.recurrent_layers[0].cell),
    }
    return {name: np.asarray(value) for name, value in weights.items()}


def _lstm_weights(name: str, cell: keras.layers.LSTMCell, ending: str = "") -> dict[str, np.ndarray]:
    return {
        f"{name}.weight_ih{ending}": _transposed(cell.kernel),
        f"{name}.weight_hh{ending}": _transposed(cell.recurrent_kernel),
        f"{name}.bias_ih{ending}": np.asarray(cell.bias),
        f"{name}.bias_hh{ending}": np.zeros(cell.bias.shape, np.float32),
    }


def _transposed(matrix: keras.Variable) -> np.ndarray:
    return np.asarray(matrix).T
