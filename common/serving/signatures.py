"""What a SavedModel's signatures say of their tensors, and whether a request keeps to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from common.errors import one_line
from common.serving.tensorflow_c import DTYPE_NAMES

DEFAULT_SIGNATURE = "serving_default"


@dataclass(frozen=True)
class TensorInfo:
    """What a signature says about one tensor.

    Attributes:
        dtype: TensorFlow's name of the type: `string`, `float32`, `int64`, `bool`, ...
        shape: its dimensions, None where any size goes; None as a whole where any number of dimensions goes.
    """

    dtype: str
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True)
class Signature:
    """A function that a SavedModel serves.

    Attributes:
        inputs: name of each input to what is known of it.
        outputs: name of each output to what is known of it.
        method_name: `tensorflow/serving/predict`, `tensorflow/serving/classify` or another.
    """

    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]
    method_name: str


def signature_of(message: Any) -> Signature:
    """Reads a `SignatureDef` message."""
    inputs, outputs = (
        MappingProxyType({name: _tensor_info(tensors[name]) for name in sorted(tensors)})
        for tensors in (message.inputs, message.outputs)
    )
    return Signature(inputs, outputs, message.method_name)


def _tensor_info(message: Any) -> TensorInfo:
    dtype = DTYPE_NAMES.get(message.dtype, f"type {message.dtype}")
    if message.tensor_shape.unknown_rank:
        return TensorInfo(dtype, None)
    sizes = (dimension.size for dimension in message.tensor_shape.dim)
    return TensorInfo(dtype, tuple(None if size < 0 else size for size in sizes))


def checked_input(where: str, value: Any, expected: TensorInfo) -> np.ndarray:
    """Turns an input's value into an array of its type, strings into an object array of bytes.

    Args:
        where: names the input in messages.

    Raises:
        ValueError: another type, a number out of range, or another shape, in one line.
    """
    try:
        array = _strings(value) if expected.dtype == "string" else _numbers(value, np.dtype(expected.dtype))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{where}: expected {expected.dtype}, {one_line(error)}") from None
    if expected.shape is not None and (
        len(array.shape) != len(expected.shape)
        or any(size not in (None, given) for size, given in zip(expected.shape, array.shape, strict=True))
    ):
        shape = ", ".join("any" if size is None else str(size) for size in expected.shape)
        raise ValueError(f"{where}: expected the shape [{shape}], got {list(array.shape)}")
    return array


def _strings(value: Any) -> np.ndarray:
    given = np.asarray(value, dtype=object)
    array = np.empty(given.shape, dtype=object)
    array.reshape(-1)[:] = [_encoded(element) for element in given.flat]
    return array


def _encoded(element: Any) -> bytes:
    if isinstance(element, str):
        return element.encode("utf-8")
    if isinstance(element, bytes):
        return bytes(element)
    raise TypeError(f"got {type(element).__name__} {element!r:.60}")


def _numbers(value: Any, dtype: np.dtype) -> np.ndarray:
    given = np.asarray(value)
    if given.dtype == dtype:
        return given
    if isinstance(value, np.ndarray | np.generic) or not (
        given.size == 0 or np.can_cast(given.dtype, dtype, casting="same_kind")
    ):
        raise TypeError(f"got {given.dtype}")
    converted = given.astype(dtype)
    if dtype.kind in "iu" and not np.array_equal(converted, given):
        raise ValueError(f"got numbers out of its range ({given.min()} to {given.max()})")
    return converted
