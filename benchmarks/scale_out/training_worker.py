"""A process that `benchmarks.scale_out.training` starts: it trains the translator of `base` on its share of batches.

A JSON object on standard input says what to run: `{"rows": 64, "steps": 4}` is a training with so many pairs a batch,
`{"collective": 5}` that many sums of a vector as long as the gradients. The answer is an object on standard output.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from applications.translation.config import PRESETS
from applications.translation.model import LABELS, build
from benchmarks.translation.sentences import training_batches
from common.text.subwords import FIRST_PIECE
from common.training.cluster import cluster_of
from common.training.losses import count_nonzero, output_itself
from common.training.optimizer import make_optimizer
from common.training.options import TrainingOptions
from common.training.runtime import set_up
from common.training.workers import Together, joint_sum

_GROUP = 9


def main(workers: str, worker: int, core: int, preset: str) -> None:
    """Answers until there is no question any more."""
    os.sched_setaffinity(0, {core})
    answers, sys.stdout = sys.stdout, sys.stderr
    options = TrainingOptions(workers=workers, worker=worker if workers else None, intra_op_threads=1)
    tf.config.threading.set_inter_op_parallelism_threads(2)
    set_up(options)
    config = PRESETS[preset]
    tokens = FIRST_PIECE + config.subwords
    model = build(config, tokens)
    model.compile(make_optimizer(options, 1000), loss=output_itself, jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    weights = sum(int(tf.size(variable.value)) for variable in model.trainable_variables)
    model.make_train_function()
    step, together, cluster = model.train_function, Together.of(options), cluster_of(options)
    vector = tf.zeros([weights])

    def trained(rows: int, steps: int) -> Mapping[str, Any]:
        batches = training_batches(tokens, rows, steps)
        dataset = tf.data.Dataset.from_generator(
            lambda: (
                ({"source": one.source, "target": one.target, LABELS: one.labels}, one.labels)
                for one in batches
            ),
            output_signature=(
                {name: tf.TensorSpec([None, None], tf.int32) for name in ("source", "target", LABELS)},
                tf.TensorSpec([None, None], tf.int32),
            ),
        )
        shared = dataset if together is None else together.share(dataset, count_nonzero)
        return _timed(step, steps, iter(shared.prefetch(steps)))

    def summed(times: int) -> Mapping[str, Any]:
        assert cluster is not None
        return _timed(lambda _: joint_sum(vector, cluster, _GROUP), times, None)

    for line in sys.stdin:
        asked = json.loads(line)
        measured = summed(asked["collective"]) if "collective" in asked else trained(**asked)
        print(json.dumps({**measured, "weights": weights}), file=answers, flush=True)
    # One that leaves before its peers would let them complain.
    sys.stderr.flush()
    os._exit(0)


def _timed(action: Any, times: int, argument: Any) -> Mapping[str, float]:
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(times):
        action(argument)
    return {
        "seconds": (time.perf_counter() - wall) / times,
        "cpu_seconds": (time.process_time() - processor) / times,
    }


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
