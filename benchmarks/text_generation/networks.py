"""The network that is timed: in our layers, as a SavedModel, and in Keras's own layers, all with the same weights."""

import json
import string
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import tensorflow as tf

from applications.text_generation.config import NAME, Config
from applications.text_generation.export import Trained, signatures
from applications.text_generation.model import build
from applications.text_generation.predict import CHARACTERS_FILE
from common.errors import UserError
from common.export.saved_model import export_saved_model
from common.inference.extra_files import read_extra
from common.inference.runner import latest_version
from common.layers.portability import make_portable
from common.text.characters import Characters
from common.training.run_folder import FinishedRun, configuration_of

VOCABULARY = "".join(sorted(string.ascii_letters + string.digits + string.punctuation + " \n"))


@dataclass(frozen=True)
class Network:
    """One network: its configuration, front end and Keras model, and the SavedModel that serves the same weights."""

    config: Config
    characters: Characters
    model: keras.Model
    folder: Path


@contextmanager
def random_network(config: Config, vocabulary: str = VOCABULARY) -> Iterator[Network]:
    """A network with random weights; its SavedModel lasts as long as the block."""
    characters = Characters(vocabulary)
    model = build(config, characters.size)
    # Character vectors this large keep the text from settling on one character.
    vectors = model.get_layer("embedding").table
    vectors.assign(keras.random.normal(vectors.shape, seed=1))
    make_portable(model)
    trained = Trained(FinishedRun(config, {}, {}, Path()), model, characters)
    served = [one for one in signatures(trained) if one.name == "serving_default"]
    with TemporaryDirectory() as folder:
        path = export_saved_model(served, Path(folder) / "model", resources=[characters.table])
        yield Network(config, characters, model, path)


def exported_network(folder: Path) -> Network:
    """The network of an exported model: its configuration from the model card, its weights from the SavedModel.

    Args:
        folder: of numbered versions, of which the highest is used, or one version.

    Raises:
        UserError: there is no SavedModel, or it is not this application's.
    """
    path = latest_version(folder)
    characters = Characters(read_extra(path, CHARACTERS_FILE, NAME)["characters"])
    card = json.loads((path / "assets.extra" / "manifest.json").read_text("utf-8"))
    config = configuration_of(Config, card["configuration"])
    model = build(config, characters.size)
    served = {variable.name: variable for variable in tf.saved_model.load(str(path)).weights}
    for variable in model.trainable_variables:
        kept = served[f"{variable.path}:0"]
        # Kernels are kept in it with their columns together, see `recurrent.keep_in_bfloat16`.
        variable.assign(tf.transpose(tf.cast(kept, tf.float32)) if kept.dtype == tf.bfloat16 else kept)
    return Network(config, characters, model, path)


def comparable(config: Config) -> Config:
    """The configuration without what Keras has no layer for."""
    return replace(config, weight_dropout=0.0, character_dropout=0.0, tied=False)


def stock_stream(ours: keras.Model, config: Config, precision: str = "float32") -> keras.Model:
    """Keras's layers over a stream: numbers `[batch, window]` -> logits `[batch, window, characters]`.

    Its layers are stateful: each batch goes on where the last one ended, as with `StreamedStack`.

    Args:
        ours: the model whose weights are copied, of `applications.text_generation.model.build`.
        config: of the model, `comparable`.
        precision: Keras dtype policy; logits are float32 always.
    """
    numbers = keras.Input(batch_shape=(config.training.batch_size, config.window), dtype="int32")
    logits, _ = _stock_layers(ours, config, precision, numbers, None)
    return _with_weights_of(ours, keras.Model(numbers, logits))


def stock_step(ours: keras.Model, config: Config) -> keras.Model:
    """Keras's layers for one character at a time: `[numbers [batch, 1], *states]` -> `[logits [batch, 1, characters],
    *states]`, the states `[batch, units]` each, with the weights of `ours`."""
    numbers = keras.Input((1,), dtype="int32")
    states = [keras.Input((config.units,)) for _ in range(2 * config.layers)]
    logits, after = _stock_layers(ours, config, "float32", numbers, states)
    return _with_weights_of(ours, keras.Model([numbers, *states], [logits, *after]))


def _stock_layers(
    ours: keras.Model, config: Config, precision: str, numbers: Any, states: list[Any] | None
) -> tuple[Any, list[Any]]:
    """Logits and the states after; without states to begin with the layers are stateful."""
    if config.cell != "lstm":
        raise UserError(f"--cell {config.cell}: expected lstm, the one cell that is timed against Keras")
    characters = ours.get_layer("logits").characters
    embedding = keras.layers.Embedding(characters, config.embedding_units, dtype=precision, name="embedding")
    outputs = keras.layers.SpatialDropout1D(config.input_dropout, dtype=precision)(embedding(numbers))
    finals: list[Any] = []
    for index in range(config.layers):
        rate = config.dropout if index else 0.0
        lstm = keras.layers.LSTM(
            config.units,
            return_sequences=True,
            return_state=True,
            stateful=states is None,
            recurrent_dropout=config.recurrent_dropout,
            dtype=precision,
        )
        result, *after = lstm(
            keras.layers.SpatialDropout1D(rate, dtype=precision)(outputs),
            initial_state=states and states[2 * index : 2 * index + 2],
        )
        is_added = config.residual and outputs.shape[-1] == config.units
        outputs = keras.layers.Add(dtype=precision)([outputs, result]) if is_added else result
        finals += after
    outputs = keras.layers.SpatialDropout1D(config.output_dropout, dtype=precision)(outputs)
    scores = keras.layers.Dense(characters, dtype=precision, name="logits")(outputs)
    return keras.layers.Activation("linear", dtype="float32")(scores), finals


def _with_weights_of(ours: keras.Model, stock: keras.Model) -> keras.Model:
    logits = ours.get_layer("logits")
    recurrent = ours.get_layer("states").stack.recurrent_layers
    values = [
        ours.get_layer("embedding").table.numpy(),
        *(weight for layer in recurrent for weight in layer.cell.get_weights()),
        logits.kernel.numpy().T,
        logits.bias.numpy(),
    ]
    for variable, value in zip(stock.trainable_variables, values, strict=True):
        variable.assign(value)
    return stock
