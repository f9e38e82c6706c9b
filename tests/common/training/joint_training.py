"""A small training that `test_workers` does with one worker and with several.

Its loss is a mean over the real words of a batch, its table has gradients in slices, batches have an odd number of rows
and the last one has a single row.
"""

import keras
import numpy as np
import tensorflow as tf

from common.data.batching import Sequences, evaluation_batches, training_batches
from common.layers.stack import RecurrentStack
from common.layers.stateful_stack import StreamedStack
from common.layers.tied_embedding import TiedEmbedding, TokenLoss
from common.training.callbacks import ShowProgress
from common.training.loop import fit
from common.training.losses import count_nonzero, output_itself
from common.training.options import TrainingOptions

WORDS = 30
RNG = np.random.default_rng(0)
TEXTS = [RNG.integers(1, WORDS, length).astype(np.int32) for length in RNG.integers(1, 12, 36)]
DATA = Sequences(TEXTS, np.zeros(len(TEXTS), np.int32))
OPTIONS = TrainingOptions(
    epochs=4, batch_size=5, learning_rate=0.02, averaging=0.9, patience=9, worker_timeout=60
)


def build(dropout=0.0):
    keras.utils.set_random_seed(OPTIONS.seed)
    words = keras.Input((None,), dtype="int32")
    embedding = TiedEmbedding(WORDS, 4, name="embedding")
    vectors = keras.layers.Dropout(dropout)(embedding(words))
    loss = TokenLoss(embedding)(keras.layers.Dense(4, activation="tanh")(vectors), words)
    return keras.Model(words, loss)


def batches(epochs, seed=1):
    dataset, steps = training_batches(DATA, OPTIONS.batch_size, epochs=epochs, seed=seed)
    return dataset.map(lambda words, _: (words, words)), steps


def held_out():
    return evaluation_batches(DATA, 8)[0].map(lambda words, _: (words, words))


def train(folder, options, dropout=0.0, seed=1):
    """Trains; returns the weights and the epochs."""
    model = build(dropout)
    history = fit(
        model,
        lambda epochs: batches(epochs, seed),
        held_out(),
        options,
        folder,
        loss=output_itself,
        counts=count_nonzero,
    )
    return [np.asarray(weight) for weight in model.get_weights() if weight.dtype == np.float32], history


def stop_in_third_epoch():
    """Lets Ctrl-C be pressed there, in every process that calls it. Returns what undoes it."""
    before = ShowProgress.on_epoch_begin

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt
        before(self, epoch, logs)

    ShowProgress.on_epoch_begin = on_epoch_begin
    return lambda: setattr(ShowProgress, "on_epoch_begin", before)


STREAMS = RNG.normal(size=(6, 5, 4, 3)).astype(np.float32)
TARGETS = RNG.integers(0, 2, (6, 5, 4))


def train_streams(folder, options):
    """Trains on five streams side by side, with batch normalisation; returns all weights, and what it validates to."""
    keras.utils.set_random_seed(OPTIONS.seed)
    inputs, starts = keras.Input((None, 3), name="x"), keras.Input((), dtype="bool", name="starts")
    states = StreamedStack(RecurrentStack("rnn", units=4), rows=5, evaluation_rows=2)(inputs, starts)
    logits = keras.layers.Dense(2)(keras.layers.BatchNormalization()(states))
    model = keras.Model({"x": inputs, "starts": starts}, logits)

    def windows(epochs, rows=5):
        def generate():
            for _ in epochs:
                for place, (x, y) in enumerate(zip(STREAMS, TARGETS, strict=True)):
                    yield {"x": x[:rows], "starts": np.full(rows, place == 0)}, y[:rows]

        specs = {"x": tf.TensorSpec([None, None, 3]), "starts": tf.TensorSpec([None], tf.bool)}
        return tf.data.Dataset.from_generator(
            generate, output_signature=(specs, tf.TensorSpec([None, None], tf.int64))
        )

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    validation = windows(range(1), 2).apply(tf.data.experimental.assert_cardinality(len(STREAMS)))
    fit(model, lambda epochs: (windows(epochs), len(STREAMS)), validation, options, folder, loss=loss)
    shapes = [tuple(state.shape) for state in model.get_layer(index=2).training_states]
    return [np.asarray(weight) for weight in model.get_weights() if weight.dtype == np.float32], shapes
