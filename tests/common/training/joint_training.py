"""A small training that `test_workers` does with one worker and with several.

Its loss is a mean over the real words of a batch, its table has gradients in slices, batches have an odd number of rows
and the last one has a single row.
"""

import keras
import numpy as np

from common.data.batching import Sequences, evaluation_batches, training_batches
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
