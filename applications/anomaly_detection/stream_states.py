"""The state of a stream as tensors that go out of a signature and in again, by name."""

from collections.abc import Mapping

import tensorflow as tf

from applications.anomaly_detection.alarms import AlarmState
from applications.anomaly_detection.detector import StreamState
from applications.anomaly_detection.evidence import Evidence
from applications.anomaly_detection.joint_evidence import JointEvidence
from applications.anomaly_detection.sensor_memory import Clock, SensorMemory

Tensors = Mapping[str, tf.Tensor]

_PREFIX = "state_"
_OF_SERIES = ("state_time", "state_clock", "state_alarms", "state_distances")


def named(state: StreamState, alarms: AlarmState) -> dict[str, tf.Tensor]:
    """The tensors of the states of a series and its alarms, the batch first in each."""
    clock, memory, evidence = state.clock, state.memory, state.evidence
    shape = tf.shape(memory.count)
    tensors = {
        "time": clock.time,
        "clock": tf.stack([clock.step, clock.rows], axis=1),
        "values": tf.stack(memory[:-1], axis=2),
        "days": memory.days,
        **{name: tensor for name, tensor in evidence._asdict().items() if name != "joint"},
        **evidence.joint._asdict(),
        "alarms": tf.stack(alarms, axis=1),
        "hidden": tf.reshape(
            tf.concat(state.hidden, axis=1), [shape[0], shape[1], sum(one.shape[1] for one in state.hidden)]
        ),
    }
    return {_PREFIX + name: tensor for name, tensor in tensors.items()}


def restored(tensors: Tensors, hidden: int) -> tuple[StreamState, AlarmState]:
    """The states of `named` tensors.

    Args:
        tensors: by name, others among them.
        hidden: how many states the recurrent layers have.
    """
    given = {name.removeprefix(_PREFIX): tensor for name, tensor in tensors.items()}
    count, mean, variance, movement, last = tf.unstack(given["values"], axis=2)
    joint = JointEvidence(given["usual"], given["distances"])
    stream = StreamState(
        Clock(given["time"], *tf.unstack(given["clock"], axis=1)),
        SensorMemory(count, mean, variance, movement, last, given["days"]),
        Evidence(**{name: given[name] for name in Evidence._fields if name != "joint"}, joint=joint),
        tf.split(tf.reshape(given["hidden"], [-1, given["hidden"].shape[2]]), hidden, axis=1),
    )
    return stream, AlarmState(*tf.unstack(given["alarms"], axis=1))


def of_sensors(tensors: Tensors, sensors: tf.Tensor) -> dict[str, tf.Tensor]:
    """Named states of so many sensors: a server that joins requests starts all of them with as many as the one with the
    most."""
    return {name: tensor if name in _OF_SERIES else tensor[:, :sensors] for name, tensor in tensors.items()}


def specs_of(state: Tensors, sensors: int) -> dict[str, tf.TensorSpec]:
    """What kind of tensors the named ones are, for any batch and any number of sensors.

    Args:
        state: of an example.
        sensors: that it has.
    """
    specs = {}
    for name, tensor in state.items():
        sizes = tensor.shape.as_list()[1:]
        by_sensor = name not in _OF_SERIES
        if by_sensor and sizes[0] != sensors:
            raise ValueError(f"{name}: {sizes[0]} sensors; expected {sensors}")
        specs[name] = tf.TensorSpec([None, None, *sizes[1:]] if by_sensor else [None, *sizes], tensor.dtype)
    return specs
