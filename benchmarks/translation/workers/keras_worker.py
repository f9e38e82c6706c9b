"""Ours: the application's training step, and its searches in one graph each, in float32 and bfloat16.

python -m benchmarks.translation.workers.keras_worker VARIANT THREADS
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from common.startup import quiet_tensorflow

quiet_tensorflow()

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from applications.translation import model as translator  # noqa: E402
from benchmarks.recurrent.workers.protocol import serve  # noqa: E402
from benchmarks.translation.cases import (  # noqa: E402
    LOSSES,
    NEVER_WRITTEN,
    TRAINING,
    Case,
    Network,
    read_batches,
    read_network,
    read_sentences,
)
from benchmarks.translation.network import config_of, model_of  # noqa: E402
from common.decoding.beam import beam_search  # noqa: E402
from common.decoding.generate import generate  # noqa: E402
from common.decoding.samplers import compose, forbid, greedy  # noqa: E402
from common.layers.sequence_decoder import sequence_decoder_of, without_attention  # noqa: E402
from common.text.subwords import END, START  # noqa: E402
from common.training.optimizer import make_optimizer  # noqa: E402
from common.training.options import Precision  # noqa: E402

PRECISIONS: dict[str, Precision] = {"ours float32": "float32", "ours bfloat16": "mixed_bfloat16"}
_LENGTH_PENALTY = 1.0


def build(variant: str, case: Case) -> Callable[[], list[Any]]:
    """The case as a function: losses `[batches]`, or tokens `[sentences, length]`."""
    folder, precision = Path(case.folder), PRECISIONS[variant]
    network = read_network(folder)
    if case.mode in (LOSSES, TRAINING):
        return _trainer(folder, network, case.mode == TRAINING, precision)
    if precision != "float32":
        raise NotImplementedError("translations are searched for in float32, as they are served")
    return _searcher(folder, network, case)


def _trainer(folder: Path, network: Network, drops: bool, precision: Precision) -> Callable[[], list[Any]]:
    if not drops:
        network = replace(network, word_dropout=0.0, embedding_dropout=0.0, dropout=0.0)
    model = model_of(folder, network, precision)
    # The rate is constant, whatever the number of steps.
    optimizer = make_optimizer(config_of(network).training, 1_000)
    model.compile(optimizer, loss=lambda _, nats: nats, jit_compile=False)
    fed = [({name: tf.constant(ids) for name, ids in vars(batch).items()}) for batch in read_batches(folder)]
    return lambda: [float(model.train_on_batch(batch, batch["labels"])) for batch in fed]


def _searcher(folder: Path, network: Network, case: Case) -> Callable[[], list[Any]]:
    model = model_of(folder, network)

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)])
    def search(source: tf.Tensor) -> tf.Tensor:
        memory = translator.encode(model, source)
        decoder = sequence_decoder_of(model)
        step, states = without_attention(decoder.stepper(memory)), decoder.initial_states(memory)
        start = tf.fill(tf.shape(source)[:1], START)
        lengths = tf.fill(tf.shape(source)[:1], case.length)
        if case.beam_width == 1:
            return generate(
                step, start, states, lengths, compose(forbid(NEVER_WRITTEN), choose=greedy)
            ).tokens
        found = beam_search(
            step,
            start,
            states,
            end=END,
            max_lengths=lengths,
            beam_width=case.beam_width,
            length_penalty=_LENGTH_PENALTY,
            hypotheses=1,
            forbidden=NEVER_WRITTEN,
        )
        return found.tokens[:, 0]

    source = tf.constant(read_sentences(folder, case.sentences))
    return lambda: np.asarray(search(source)).tolist()


if __name__ == "__main__":
    threads = int(sys.argv[2])
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    # What was built to be compared is timed later.
    serve(cache(partial(build, sys.argv[1])), Case)
