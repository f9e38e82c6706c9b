"""What a SavedModel's signatures say of their tensors, and whether a request keeps to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from common.errors import one_line
from common.inference.tensorflow_c import numpy_type, type_name

DEFAULT_SIGNATURE = "serving_default"


@dataclass(frozen=True)
class TensorInfo:
    """What a signature says about one tensor.

    Attributes:
        dtype: TensorFlow's name of the type: `string`, `float32`, `int64`, `bool`, ...
        shape: its dimensions, None where any size goes; None as a whole where any number of dimensions goes.
        layout: `dense`, or else `sparse` or `composite`: several tensors under one name.
    """

    dtype: str
    shape: tuple[int | None, ...] | None
    layout: str = "dense"


@dataclass(frozen=True)
class SignatureInfo:
    """A function that a SavedModel serves.

    Attributes:
        inputs: name of each input to what is known of it.
        outputs: name of each output to what is known of it.
        method_name: `tensorflow/serving/predict`, `tensorflow/serving/classify` or another.
    """

    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]
    method_name: str


def signature_info(message: Any) -> SignatureInfo:
    """Reads a `SignatureDef` message."""
    inputs, outputs = (
        MappingProxyType({name: tensor_info(tensors[name]) for name in sorted(tensors)})
        for tensors in (message.inputs, message.outputs)
    )
    return SignatureInfo(inputs, outputs, message.method_name)


def tensor_info(message: Any) -> TensorInfo:
    """Reads a `TensorInfo` message."""
    dtype = type_name(message.dtype)
    layout = "sparse" if message.coo_sparse else "composite" if message.composite_tensor else "dense"
    if message.tensor_shape.unknown_rank:
        return TensorInfo(dtype, None, layout)
    sizes = (dimension.size for dimension in message.tensor_shape.dim)
    return TensorInfo(dtype, tuple(None if size < 0 else size for size in sizes), layout)


def checked_input(where: str, value: Any, expected: TensorInfo) -> np.ndarray:
    """Turns an input's value into an array of its type, strings into an object array of bytes.

    Args:
        where: names the input in messages.

    Raises:
        ValueError: another type, a number out of range, or another shape, in one line.
    """
    array = typed_input(where, value, expected)
    if not has_shape(array, expected):
        shape = ", ".join("any" if size is None else str(size) for size in expected.shape or ())
        raise ValueError(f"{where}: expected the shape [{shape}], got {list(array.shape)}")
    return array


def typed_input(where: str, value: Any, expected: TensorInfo) -> np.ndarray:
    """The same, of any shape.

    Raises:
        ValueError: another type, or a number out of range, in one line.
    """
    try:
        dtype = numpy_type(expected.dtype)
        return _strings(value) if dtype.hasobject else _numbers(value, dtype)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{where}: expected {expected.dtype}, {one_line(error)}") from None


def has_shape(array: np.ndarray, expected: TensorInfo) -> bool:
    """Whether an array has one of the shapes that a signature declares."""
    return expected.shape is None or (
        len(array.shape) == len(expected.shape)
        and all(size in (None, given) for size, given in zip(expected.shape, array.shape, strict=True))
    )


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
