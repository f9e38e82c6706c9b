"""A search with a recurrent language model scores each label as a plain walk through the network does."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax

from common.decoding.ctc import LabelHypotheses, prefix_beam_search
from common.decoding.language_models import Lexicon
from common.decoding.recurrent_language_model import RecurrentLanguageModel
from common.export.saved_model import Signature, export_saved_model
from common.inference.runner import SavedModelRunner
from common.layers.stack import CellName, RecurrentStack

pytestmark = pytest.mark.slow

SYMBOLS, UNITS = 4, 5
Label = tuple[int, ...]


class Network:
    """A tiny network whose weights are random, and large enough that its states matter."""

    def __init__(self, cell: CellName, layers: int = 2) -> None:
        keras.utils.set_random_seed(3)
        large = keras.initializers.RandomNormal(stddev=1.5)
        self.embedding = keras.layers.Embedding(SYMBOLS, 3, embeddings_initializer=large)
        self.stack = RecurrentStack(cell, UNITS, layers)
        self.dense = keras.layers.Dense(SYMBOLS, kernel_initializer=large)
        self.embedding.build(None)
        self.stack.build((None, None, 3))
        self.dense.build((None, UNITS))

    def model(self) -> RecurrentLanguageModel:
        advance = self.stack.stepper(3)

        def step(symbols: tf.Tensor, states: Sequence[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
            outputs, after = advance(self.embedding(symbols), states)
            return self.dense(outputs), after

        return RecurrentLanguageModel(step, self.stack.zero_states)

    def log_probabilities(self, labels: Sequence[Label]) -> np.ndarray:
        """log P of labels of one length with their ends, each in one pass: `[labels]`."""
        logits = self.dense(self.stack(self.embedding(np.array([[0, *label] for label in labels]))))
        log_probabilities = log_softmax(np.asarray(logits, np.float64), axis=-1)
        ended = np.array([[*label, 0] for label in labels])
        return np.take_along_axis(log_probabilities, ended[..., None], axis=-1).sum(axis=(1, 2))


def random_logits(rows: int, time: int) -> np.ndarray:
    return np.random.default_rng(2).normal(scale=2, size=[rows, time, SYMBOLS]).astype(np.float32)


def scores_by_brute_force(
    logits: np.ndarray, network: Network, weight: float, bonus: float
) -> dict[Label, float]:
    """The score of every label that has an alignment with the frames `[time, symbols]`."""
    log_probabilities = log_softmax(np.asarray(logits, np.float64), axis=-1)
    totals: dict[Label, list[float]] = {}
    for alignment in itertools.product(range(SYMBOLS), repeat=len(logits)):
        label = tuple(symbol for symbol, _ in itertools.groupby(alignment) if symbol)
        total = sum(log_probabilities[frame, symbol] for frame, symbol in enumerate(alignment))
        totals.setdefault(label, []).append(total)
    scores = {}
    for _, alike in itertools.groupby(sorted(totals, key=len), len):
        labels = list(alike)
        for label, log_probability in zip(labels, network.log_probabilities(labels), strict=True):
            scores[label] = (
                float(np.logaddexp.reduce(totals[label])) + weight * log_probability + bonus * len(label)
            )
    return scores


def labels_of(result: LabelHypotheses, row: int) -> list[Label]:
    return [
        tuple(np.asarray(labels[:length]).tolist())
        for labels, length, score in zip(
            result.labels[row], result.lengths[row], result.scores[row], strict=True
        )
        if np.isfinite(score)
    ]


@pytest.mark.parametrize(("cell", "in_graph"), [("gru", True), ("lstm", False), ("rnn", True)])
def test_a_beam_that_holds_all_prefixes_scores_each_label_as_the_network_does(
    cell: CellName, in_graph: bool
) -> None:
    network, logits, frames = Network(cell), random_logits(3, 5), [5, 4, 0]

    def search(logits: tf.Tensor, frames: tf.Tensor) -> LabelHypotheses:
        return prefix_beam_search(
            logits,
            frames,
            beam_width=300,
            language_models=[network.model()],
            lm_weight=0.7,
            length_bonus=0.4,
            blank_threshold=1,
        )

    function: Any = tf.function(search) if in_graph else search
    result = function(tf.constant(logits), tf.constant(frames))
    for row, real in enumerate(frames):
        scores = scores_by_brute_force(logits[row, :real], network, 0.7, 0.4)
        labels = labels_of(result, row)
        assert len(labels) == len(set(labels)) == len(scores)
        np.testing.assert_allclose(
            result.scores[row, : len(labels)], [scores[label] for label in labels], rtol=1e-4, atol=1e-4
        )
        assert labels[0] == max(scores, key=scores.__getitem__)


def test_a_narrow_beam_keeps_each_prefix_with_its_own_state() -> None:
    network, logits = Network("lstm"), random_logits(4, 40)
    search = tf.function(
        lambda logits, frames: prefix_beam_search(
            logits, frames, beam_width=4, language_models=[network.model()], length_bonus=1.5
        )
    )
    result = search(tf.constant(logits), tf.constant([40, 31, 40, 17]))
    for row in range(4):
        for place, label in enumerate(labels_of(result, row)):
            expected = network.log_probabilities([label])[0] + 1.5 * len(label)
            of_model = result.scores[row, place] - result.log_probabilities[row, place]
            np.testing.assert_allclose(of_model, expected, rtol=1e-3, atol=1e-3)


def test_states_are_kept_in_float32_whatever_the_network_computes_in() -> None:
    def half(symbols: tf.Tensor, states: Sequence[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        logits = tf.one_hot(symbols, SYMBOLS, dtype=tf.bfloat16)
        return logits, [state + tf.cast(symbols[:, None], state.dtype) / 512 for state in states]

    model = RecurrentLanguageModel(half, lambda rows: [tf.zeros([rows, 2], tf.bfloat16)])
    states = model.start(tf.constant(1))[:, None]
    for _ in range(513):
        states = model.advance(states, tf.constant([[1]]))
    assert states.dtype == tf.float32
    np.testing.assert_allclose(states[0, 0, :2], 513 / 512)


def test_an_exported_search_answers_in_the_loader_as_here(tmp_path: Path) -> None:
    network, words = Network("gru"), Lexicon([[1, 2], [2], [1, 1]], SYMBOLS, separator=3)

    def n_best(logits: tf.Tensor, frames: tf.Tensor) -> dict[str, tf.Tensor]:
        models = [network.model(), words]
        return prefix_beam_search(logits, frames, beam_width=6, language_models=models)._asdict()

    examples = {"logits": random_logits(3, 12), "frames": np.array([12, 0, 9], np.int32)}
    inputs = {
        "logits": tf.TensorSpec([None, None, SYMBOLS], tf.float32),
        "frames": tf.TensorSpec([None], tf.int32),
    }
    version = export_saved_model([Signature("serving_default", n_best, inputs, examples)], tmp_path / "model")
    with SavedModelRunner(version) as runner:
        served = LabelHypotheses(**runner.answer("serving_default", **examples))
    here = LabelHypotheses(**n_best(**{name: tf.constant(values) for name, values in examples.items()}))
    for row in range(3):
        assert labels_of(served, row) == labels_of(here, row)
    np.testing.assert_allclose(served.scores, here.scores, rtol=1e-4)
