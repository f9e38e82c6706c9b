"""Characters per second of writing: the served SavedModel, stock cells in a graph loop, and calls of `predict`."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

import keras
import numpy as np
import tensorflow as tf

from benchmarks.stock import lstm_step, write_loop
from benchmarks.text_generation.networks import Network, stock_step
from benchmarks.timing import in_turn, seconds
from common.decoding.samplers import compose, forbid, sample, temperature, truncate
from common.inference.runner import SavedModelRunner
from common.text.characters import UNKNOWN, as_text

Writer: TypeAlias = Callable[[Sequence[str]], list[str]]
"""Prefixes of one known character each -> what comes after them, the most probable characters."""

SERVED, CELLS, PREDICT = "ours, served", "Keras cells, graph loop", "Keras layers, predict"


def writers(network: Network, length: int, predicted_length: int) -> dict[str, Writer]:
    """One function per contender, all with the same weights.

    Args:
        network: what writes.
        length: how many characters one call writes in each row.
        predicted_length: how many `PREDICT` writes, which takes long.
    """
    stock = stock_step(network.model, network.config)
    return {
        SERVED: served_writer(network.folder, length),
        CELLS: cells_writer(stock, network, length),
        PREDICT: predict_writer(stock, network, predicted_length),
    }


def served_writer(folder: Path, length: int) -> Writer:
    """Asks the SavedModel as a server would."""
    runner = SavedModelRunner(folder)

    def write(prefixes: Sequence[str]) -> list[str]:
        texts = runner.run(
            "serving_default",
            prefix=list(prefixes),
            length=np.full(len(prefixes), length, np.int32),
            **_controls(len(prefixes)),
        )["text"]
        return [text.decode("utf-8")[1:] for text in texts]

    return write


def cells_writer(stock: keras.Model, network: Network, length: int) -> Writer:
    """Loops over the stock model's `LSTMCell`s within one graph, strings in, strings out, the same samplers."""
    cells = [layer.cell for layer in stock.layers if isinstance(layer, keras.layers.LSTM)]
    advance = lstm_step(cells, network.config.residual)
    embedding, dense = stock.get_layer("embedding"), stock.get_layer("logits")

    def step(token: tf.Tensor, states: Sequence[tf.Tensor]) -> tuple[tf.Tensor, Sequence[tf.Tensor]]:
        outputs, after = advance(embedding(token), states)
        return dense(outputs), after

    @tf.function(reduce_retracing=True)
    def write(prefixes: tf.Tensor, controls: Mapping[str, tf.Tensor]) -> tf.Tensor:
        choose = compose(
            forbid([UNKNOWN]),
            temperature(controls["temperature"]),
            truncate(controls["top_k"], controls["top_p"]),
            choose=sample(controls["seed"]),
        )
        token = network.characters(prefixes).flat_values
        zeros = [tf.zeros([tf.shape(prefixes)[0], network.config.units])] * (2 * len(cells))
        _, states = step(tf.fill(tf.shape(token), UNKNOWN), zeros)
        written = write_loop(step, choose, token, states, length)
        return network.characters.text(tf.RaggedTensor.from_tensor(written))

    def texts(prefixes: Sequence[str]) -> list[str]:
        controls = {name: tf.constant(values) for name, values in _controls(len(prefixes)).items()}
        return [text.decode("utf-8") for text in write(tf.constant(prefixes), controls).numpy()]

    return texts


def _controls(rows: int) -> dict[str, np.ndarray]:
    """What lets the samplers take the most probable characters, for each row."""
    integers, floats = np.zeros(rows, np.int32), np.zeros(rows, np.float32)
    return {"temperature": floats, "top_k": integers, "top_p": floats + 1, "seed": integers}


def predict_writer(stock: keras.Model, network: Network, length: int) -> Writer:
    """Calls the stock model's `predict` for each character."""
    stock.compile(jit_compile=False)
    vocabulary = network.characters.vocabulary

    def step(numbers: np.ndarray, states: Sequence[np.ndarray]) -> tuple[np.ndarray, Sequence[np.ndarray]]:
        logits, *after = stock.predict([numbers[:, None], *states], batch_size=len(numbers), verbose=0)
        return logits[:, 0], after

    def write(prefixes: Sequence[str]) -> list[str]:
        zeros = [np.zeros((len(prefixes), network.config.units), np.float32)] * (2 * network.config.layers)
        _, states = step(np.full(len(prefixes), UNKNOWN, np.int32), zeros)
        numbers, written = np.array([vocabulary.index(prefix) + 1 for prefix in prefixes], np.int32), []
        for _ in range(length):
            logits, states = step(numbers, states)
            logits[:, UNKNOWN] = -np.inf
            numbers = logits.argmax(axis=-1).astype(np.int32)
            written.append(numbers)
        return [as_text(row, vocabulary) for row in np.stack(written, axis=-1)]

    return write


def first_characters(vocabulary: str, count: int) -> list[str]:
    """As many prefixes, as different as may be."""
    return [vocabulary[row * len(vocabulary) // count] for row in range(count)]


def check_same_texts(contenders: Mapping[str, Writer], prefixes: Sequence[str]) -> None:
    """Raises RuntimeError unless all contenders write what `SERVED` writes, as far as they write."""
    texts = {name: write(prefixes) for name, write in contenders.items()}
    for name, rows in texts.items():
        for row, served in zip(rows, texts[SERVED], strict=True):
            if not row or row != served[: len(row)]:
                raise RuntimeError(f"{name} writes {row!r}, {SERVED} {served!r}")


def writing_speeds(
    contenders: Mapping[str, Writer], prefixes: Sequence[str], rounds: int
) -> dict[str, list[float]]:
    """Characters per second of each contender in each round, over all rows; the contenders take turns."""

    def speed(write: Writer, characters: int) -> float:
        return characters / seconds(lambda: write(prefixes))

    counts = {name: sum(map(len, write(prefixes))) for name, write in contenders.items()}
    return in_turn({name: partial(speed, write, counts[name]) for name, write in contenders.items()}, rounds)
