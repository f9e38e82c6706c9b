"""Training on several machines: each worker trains on its rows of every batch, and gradients are summed over all.

Nothing is mirrored and no scope is entered: every process runs the one fit loop. Equal weights and equal gradients keep
the workers equal; they compare checksums to prove it.
"""

import os
import signal
import socket
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NoReturn

import keras
import numpy as np
import tensorflow as tf

from common.cli import console
from common.errors import FlagError, UserError, one_line
from common.layers.stateful_stack import StreamedStack
from common.training.callbacks import state_variables
from common.training.cluster import Cluster, cluster_of, discard_private_runs
from common.training.options import TrainingOptions

LOST = 75
"""The exit status of a worker whose peers are gone (EX_TEMPFAIL): it may be started again, with --resume."""

Counts = Callable[[Any, Any], tf.Tensor]
"""From inputs and targets of a batch to how much each row `[rows]` adds to what the loss is a mean over."""

_GRADIENTS, _FACTS = 71, 72  # TensorFlow's own groups count from 1
_BETWEEN_CALLS = 0.2  # seconds
_SEED = "seed_generator_state"
_VERBOSITY = "GRPC_VERBOSITY"
_GONE = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
)


def connect(options: TrainingOptions) -> None:
    """Connects this process with the other workers, if the flags or `TF_CONFIG` name any; waits until all are there.

    To be called before TensorFlow's first operation. All but the first worker are silent from then on, errors excepted.

    Raises:
        FlagError: the flags or `TF_CONFIG` name no workers that could be, or a precision for one process alone.
        UserError: this worker's port cannot be used.
    """
    cluster = cluster_of(options)
    if cluster is None:
        return
    if options.precision == "mixed_float16":
        # Each worker would scale its loss, and leave out steps, by its own share of the batch.
        raise FlagError("--precision mixed_float16: one process alone trains so; expected mixed_bfloat16")
    console().print(f"{cluster.name} waits for {cluster.others}")
    if os.environ.get(_VERBOSITY) == "ERROR":
        # With it gRPC would let through what TF_CPP_MIN_LOG_LEVEL holds back: notes, and what is raised as well.
        os.environ[_VERBOSITY] = "NONE"
    on_termination = signal.getsignal(signal.SIGTERM)
    try:
        with _Timer(cluster):
            _meet(cluster)
            _connected(cluster.addresses, cluster.index)
    except _GONE:
        _leave(cluster, f"lost one of {cluster.others}")
    # TensorFlow's server takes the signal for a warning, and the process would outlive it.
    signal.signal(signal.SIGTERM, on_termination)
    if cluster.index:
        console().print(f"{cluster.name} trains; the first worker tells of it and keeps the run")
        sys.stdout.flush()
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (it lasts as long as the process)


def _meet(cluster: Cluster) -> None:
    """Waits until all others can be reached. TensorFlow's own wait, which follows, heeds no signal and has no end.

    Raises:
        UserError: this worker's port cannot be used.
    """
    own = cluster.addresses[cluster.index]
    try:
        listener = socket.create_server(("", _place(own)[1]))
    except OSError as error:
        raise _unusable(own, error) from None
    with listener:
        for address in cluster.addresses:
            while address != own:
                try:
                    with socket.create_connection(_place(address), timeout=1) as connection:
                        _require_another(connection.getpeername(), own, address)
                    break
                except OSError:
                    time.sleep(_BETWEEN_CALLS)


def _place(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _require_another(peer: Sequence[Any], own: str, address: str) -> None:
    """Raises FlagError if a peer is this worker itself by another name, for whose answer it would wait for ever."""
    try:
        places = {info[4][:2] for info in socket.getaddrinfo(*_place(own))}
    except OSError:
        # A machine need not know the name by which others reach it.
        return
    if tuple(peer[:2]) in places:
        raise FlagError(
            f"--workers: {own} and {address} are the same place; expected another for each worker"
        )


def _unusable(address: str, error: Exception) -> UserError:
    return UserError(
        f"{address}: this worker cannot listen there ({one_line(error)[:200]}); expected a free port of this machine"
    )


@cache
def _connected(addresses: Sequence[str], index: int) -> tf.distribute.Strategy:
    """The strategy is made for its side effects: the server of this process, and collective operations over all."""
    specification = tf.train.ClusterSpec({"worker": list(addresses)})
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        specification, task_type="worker", task_id=index, rpc_layer="grpc"
    )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    except (tf.errors.UnknownError, tf.errors.InvalidArgumentError) as error:
        raise _unusable(addresses[index], error) from None


def joint_sum(vector: tf.Tensor, cluster: Cluster, group: int, operation: str = "Add") -> tf.Tensor:
    """The sum of a vector `[n]` of all workers, or with the operation `Max` the largest of each element."""
    # An instance is of one size and type for good.
    instance = tf.size(vector) * 4 + (tf.float32, tf.float64, tf.int64).index(vector.dtype)
    return tf.raw_ops.CollectiveReduceV2(
        input=vector,
        group_size=len(cluster),
        group_key=group,
        instance_key=instance,
        merge_op=operation,
        final_op="Id",
        ordering_token=[],
        communication_hint="nccl"
        if group == _GRADIENTS and tf.config.list_physical_devices("GPU")
        else "ring",
    )


@contextmanager
def all_or_none(options: TrainingOptions) -> Iterator[None]:
    """Ends all workers where one refuses what it does in the block; without connected workers it does nothing.

    Raises:
        UserError: another worker has refused.
    """
    cluster = cluster_of(options) if _connected.cache_info().currsize else None
    if cluster is None:
        yield
        return
    refusal: UserError | None = None
    try:
        yield
    except UserError as error:
        refusal = error
    refusals = _joint_facts(cluster, tf.constant([float(refusal is not None)], tf.float64))
    if refusal is not None:
        raise refusal
    if refusals.numpy()[0]:
        raise UserError(f"{cluster.name}: another worker cannot begin; what it prints says why")


def _joint_facts(cluster: Cluster, vector: tf.Tensor, operation: str = "Add") -> tf.Tensor:
    with _Timer(cluster), tf.device("CPU:0"):
        return joint_sum(vector, cluster, _FACTS, operation)


class JointAdamW(keras.optimizers.AdamW):
    """AdamW on the mean of all workers' gradients. What comes after, clipping first, is the same in each.

    Attributes:
        is_finite: whether the last mean was a number; it is so for all workers or for none.

    Example:
        >>> cluster = Cluster(("10.0.0.1:7000", "10.0.0.2:7000"), index=0, timeout=60)
        >>> JointAdamW(cluster, learning_rate=1e-3, global_clipnorm=1.0).global_clipnorm
        1.0
    """

    def __init__(self, cluster: Cluster, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._cluster, self._timer = cluster, _Timer(cluster)
        self.is_finite = tf.Variable(True, trainable=False)

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Takes a step along this worker's gradients and those of the others."""
        super().apply(self._mean(grads), trainable_variables)

    def _mean(self, gradients: Sequence[Any]) -> list[Any]:
        # Gradients of tables come as slices, of which each worker has others.
        dense = [None if one is None else tf.convert_to_tensor(one) for one in gradients]
        flat = [tf.reshape(tf.cast(one, tf.float32), [-1]) for one in dense if one is not None]
        vector = tf.concat(flat, 0)
        # What this worker does before, such as tracing the step, is no waiting for the others.
        with tf.control_dependencies([vector]):
            begun = tf.numpy_function(self._timer.start, [], [])
        with tf.control_dependencies([begun]):
            total = joint_sum(vector, self._cluster, _GRADIENTS)
        with tf.control_dependencies([total]):
            tf.numpy_function(self._timer.stop, [], [])
        total /= len(self._cluster)
        self.is_finite.assign(tf.math.is_finite(tf.reduce_sum(total)))
        parts = iter(tf.split(total, [tf.size(one) for one in flat]))
        return [
            None if one is None else tf.cast(tf.reshape(next(parts), tf.shape(one)), one.dtype)
            for one in dense
        ]


class Together(keras.callbacks.Callback):
    """What `fit` does besides, where several workers train: it gives this one its share of the batches, and sees that
    all stay equal. Among the callbacks it stands before those that heed metrics.

    Args:
        cluster: the workers.

    Example:
        >>> second = Together(Cluster(("10.0.0.1:7000", "10.0.0.2:7000"), index=1, timeout=60))
        >>> batches = tf.data.Dataset.from_tensors((tf.range(4), tf.range(4)))
        >>> next(iter(second.share(batches, None)))[0].numpy().tolist()
        [1, 3]
    """

    def __init__(self, cluster: Cluster) -> None:
        super().__init__()
        self._cluster = cluster
        self._seen = dict[int, int]()
        self._steps = 0

    @staticmethod
    def of(options: TrainingOptions) -> "Together | None":
        """What a training with these options needs; None of one process alone."""
        cluster = cluster_of(options)
        return None if cluster is None else Together(cluster)

    def share(self, batches: tf.data.Dataset, counts: Counts | None) -> tf.data.Dataset:
        """This worker's rows of each batch, with weights.

        Worker k of N takes rows k, k + N, ... The mean over the workers of their losses is the loss of the whole batch:
        a row's weight is N times the share that this worker has in all that is counted.

        Args:
            batches: the same for all workers: inputs, targets and maybe weights.
            counts: what the loss is a mean over, where that is not rows.
        """
        index, workers = self._cluster.index, len(self._cluster)

        def take(number: tf.Tensor, batch: Any) -> Any:
            inputs, targets, weights = keras.utils.unpack_x_y_sample_weight(batch)
            tf.numpy_function(self._note, [number, *tf.nest.flatten(batch)], [], stateful=True)
            rows = tf.shape(tf.nest.flatten(inputs)[0])[0]
            counted = tf.ones([rows]) if counts is None else tf.cast(counts(inputs, targets), tf.float32)
            part = workers * tf.reduce_sum(counted[index::workers])
            weight = tf.math.divide_no_nan(part, tf.reduce_sum(counted))
            # A batch of fewer rows than workers has one for each of them, and then of weight 0.
            places = tf.range(index, tf.maximum(rows, index + 1), workers) % rows
            mine = tf.nest.map_structure(lambda values: tf.gather(values, places), (inputs, targets))
            if weights is None:
                # Of two dimensions, which Keras fits to losses `[rows]` and `[rows, time]` alike.
                return *mine, tf.fill([tf.size(places), 1], weight)
            return *mine, tf.gather(weights, places) * weight

        return batches.enumerate().map(take).prefetch(1)

    def _note(self, number: Any, *arrays: np.ndarray) -> None:
        checksum = self._seen.get(int(number) - 1, 0)
        for array in arrays:
            checksum = zlib.crc32(array.tobytes(), checksum)
        self._seen[int(number)] = checksum

    @contextmanager
    def apart(self, model: keras.Model) -> Iterator[None]:
        """Gives each worker dropout of its own, and streams of as many rows as it has, during the block."""
        index, workers = self._cluster.index, len(self._cluster)
        seeds = [variable for variable in model.variables if variable.name == _SEED]
        streams = [layer for layer in model._flatten_layers() if isinstance(layer, StreamedStack)]
        states = [list(layer.training_states) for layer in streams]
        _shift(seeds, index)
        for layer in streams:
            rows = max(len(range(index, layer.rows, workers)), 1)
            layer.training_states[:] = [
                tf.Variable(tf.zeros([rows, layer.stack.units]), trainable=False)
                for _ in layer.training_states
            ]
        try:
            yield
        finally:
            _shift(seeds, -index)
            for layer, own in zip(streams, states, strict=True):
                layer.training_states[:] = own

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self._require_equal(self._checksum(), "the weights before the first step")

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._steps += 1
        if batch == 0:
            self._require_equal(self._seen[self._steps - 1], "the training examples")
        if not self.model.optimizer.is_finite:
            self.model.stop_training = True

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        """Averages the statistics of batch normalisation, each worker's being those of its own rows."""
        moving = _moving(self.model)
        if moving:
            flat = tf.concat([tf.reshape(tf.cast(one, tf.float32), [-1]) for one in moving], 0)
            means = self._joint(flat) / len(self._cluster)
            for variable, mean in zip(
                moving, tf.split(means, [int(np.prod(one.shape)) for one in moving]), strict=True
            ):
                variable.assign(tf.reshape(mean, variable.shape))

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:
        self._average(logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._average(logs)
        self._require_equal(self._checksum(), "the weights")
        self._require_equal(self._seen[self._steps - 1], "the training examples")

    def _average(self, logs: dict[str, float] | None) -> None:
        names = sorted(logs or {})
        if logs and names:
            values = self._joint(tf.constant([float(logs[name]) for name in names], tf.float64))
            logs.update(zip(names, (values / len(self._cluster)).numpy().tolist(), strict=True))

    def _checksum(self) -> int:
        checksum = 0
        for variable in state_variables(self.model):
            if variable.name != _SEED:
                checksum = zlib.crc32(np.asarray(variable).tobytes(), checksum)
        return checksum

    def _require_equal(self, checksum: int, what: str) -> None:
        largest, smallest = self._joint(tf.constant([checksum, -checksum], tf.int64), "Max").numpy()
        if largest != -smallest:
            raise UserError(
                f"{self._cluster.name}: {what} are not the same in all workers; expected the same flags, data, "
                "versions and kind of machine everywhere"
            )

    def _joint(self, vector: tf.Tensor, operation: str = "Add") -> tf.Tensor:
        return _joint_facts(self._cluster, vector, operation)

    def interruption(self) -> str:
        """What an interrupted worker says that keeps no run; "" of the one that does."""
        if not self._cluster.index:
            return ""
        discard_private_runs()
        return "interrupted; start all workers again, with --resume"

    def end_if_lost(self, error: BaseException) -> None:
        """Ends this process if the error is that another worker is gone."""
        if isinstance(error, _GONE) or (isinstance(error, tf.errors.OpError) and "ollective" in str(error)):
            _leave(self._cluster, f"lost one of {self._cluster.others}")


class _Timer:
    """Ends this process if it waits longer for the others than it is to."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._running: threading.Timer | None = None

    def start(self) -> None:
        seconds = self._cluster.timeout
        self._running = threading.Timer(
            seconds, _leave, [self._cluster, f"no answer from {self._cluster.others} for {seconds:g} seconds"]
        )
        self._running.daemon = True
        self._running.start()

    def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _leave(cluster: Cluster, what: str) -> NoReturn:
    """Ends this process at once: what waits inside TensorFlow cannot be interrupted."""
    discard_private_runs()
    sys.stdout.flush()
    print(
        f"error: {cluster.name}: {what}; start all workers again, with --resume", file=sys.stderr, flush=True
    )
    os._exit(LOST)


def _shift(seeds: Sequence[keras.Variable], step: int) -> None:
    for seed in seeds:
        first, count = np.asarray(seed).tolist()
        seed.assign(np.array([first + step, count], seed.dtype))


def _moving(model: keras.Model) -> list[keras.Variable]:
    """The statistics of batch normalisation."""
    layers = [one for one in model._flatten_layers() if isinstance(one, keras.layers.BatchNormalization)]
    return [variable for layer in layers for variable in (layer.moving_mean, layer.moving_variance)]
