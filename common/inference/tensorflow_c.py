"""TensorFlow's C API: the shared library inside the tensorflow package, and tensors to and from NumPy arrays.

Loading the library takes a fraction of the time of `import tensorflow`, and gives the same C++ runtime.
"""

import ctypes
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import UserError
from common.startup import start_up_messages_removed

_LIBRARY_NAMES = ("libtensorflow_cc.so.2", "libtensorflow_cc.2.dylib")
_STRING = 7
_STRING_BYTES = 24
_MOST_IN_PLACE = _STRING_BYTES - 2

# tensorflow/core/framework/types.proto, the types whose tensors are read and written as arrays.
DTYPE_NAMES = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    _STRING: "string",
    8: "complex64",
    9: "int64",
    10: "bool",
    14: "bfloat16",
    17: "uint16",
    18: "complex128",
    19: "float16",
    22: "uint32",
    23: "uint64",
}
# The others: a signature may have them, and a request for it is refused.
_OTHER_NAMES = {
    11: "qint8",
    12: "quint8",
    13: "qint32",
    15: "qint16",
    16: "quint16",
    20: "resource",
    21: "variant",
    24: "float8_e5m2",
    25: "float8_e4m3fn",
    29: "int4",
    30: "uint4",
}
# A tensor that may be assigned to has the number of its type and this more; what it holds is read and fed like any.
_REFERENCE = 100
_REFERENCE_SUFFIX = "_ref"
_DTYPE_NUMBERS = {name: number for number, name in DTYPE_NAMES.items()}


def type_name(number: int) -> str:
    """TensorFlow's name of a type: `float32`, `string`, `float32_ref`, ..."""
    suffix = _REFERENCE_SUFFIX if number > _REFERENCE else ""
    number -= _REFERENCE if suffix else 0
    name = DTYPE_NAMES.get(number) or _OTHER_NAMES.get(number) or f"type {number}"
    return name + suffix


def numpy_type(name: str) -> np.dtype:
    """The type of the arrays that hold tensors of a type; `object` for strings.

    Raises:
        ValueError: there is none.
    """
    value = name.removesuffix(_REFERENCE_SUFFIX)
    if value not in _DTYPE_NUMBERS:
        raise ValueError(f"tensors of type {name} cannot be sent")
    if value == "bfloat16":
        # NumPy knows this name only once the package that defines the type, which TensorFlow needs too, is imported.
        import ml_dtypes

        bfloat16: np.dtype = np.dtype(ml_dtypes.bfloat16)
        return bfloat16
    return np.dtype(object) if value == "string" else np.dtype(value)


class SavedModelError(RuntimeError):
    """TensorFlow refused to load or to run a SavedModel; the message is TensorFlow's own.

    Attributes:
        code: TensorFlow's number for the kind of error, the same as gRPC's (3: invalid argument; 2: unknown).
    """

    def __init__(self, message: str, code: int = 2) -> None:
        super().__init__(message)
        self.code = code


class Buffer(ctypes.Structure):
    """`TF_Buffer`."""

    _fields_ = [("data", ctypes.c_void_p), ("length", ctypes.c_size_t), ("deallocator", ctypes.c_void_p)]


class Output(ctypes.Structure):
    """`TF_Output`: one output of a graph's operation."""

    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


_handle, _int, _size, _text = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t, ctypes.c_char_p
_int64s, _texts, _handles = ctypes.POINTER(ctypes.c_int64), ctypes.POINTER(_text), ctypes.POINTER(_handle)
_buffer, _outputs = ctypes.POINTER(Buffer), ctypes.POINTER(Output)
# Name: result, arguments. A size_t read into an `int` would be cut, so every function is declared.
_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "TF_NewStatus": (_handle,),
    "TF_DeleteStatus": (None, _handle),
    "TF_GetCode": (_int, _handle),
    "TF_Message": (_text, _handle),
    "TF_NewBuffer": (_buffer,),
    "TF_DeleteBuffer": (None, _buffer),
    "TF_NewGraph": (_handle,),
    "TF_DeleteGraph": (None, _handle),
    "TF_GraphOperationByName": (_handle, _handle, _text),
    "TF_OperationNumOutputs": (_int, _handle),
    "TF_NewSessionOptions": (_handle,),
    "TF_DeleteSessionOptions": (None, _handle),
    "TF_SetConfig": (None, _handle, _text, _size, _handle),
    "TF_LoadSessionFromSavedModel": (
        _handle,
        _handle,
        _handle,
        _text,
        _texts,
        _int,
        _handle,
        _buffer,
        _handle,
    ),
    "TF_CloseSession": (None, _handle, _handle),
    "TF_DeleteSession": (None, _handle, _handle),
    "TF_SessionRun": (
        *(None, _handle, _handle, _outputs, _handles, _int, _outputs, _handles, _int),
        *(_handles, _int, _handle, _handle),
    ),
    "TF_AllocateTensor": (_handle, _int, _int64s, _int, _size),
    "TF_DeleteTensor": (None, _handle),
    "TF_TensorData": (_handle, _handle),
    "TF_TensorType": (_int, _handle),
    "TF_NumDims": (_int, _handle),
    "TF_Dim": (ctypes.c_int64, _handle, _int),
    "TF_StringCopy": (None, _handle, _text, _size),
    "TF_StringGetDataPointer": (_handle, _handle),
    "TF_StringGetSize": (_size, _handle),
}


@functools.cache
def library() -> ctypes.CDLL:
    """The tensorflow package's shared library, its functions declared; loaded once in a process.

    Raises:
        UserError: there is no tensorflow package, or it holds no such library (as on Windows).
    """
    package = PathFinder.find_spec("tensorflow")
    if package is None or package.origin is None:
        raise UserError("tensorflow is not installed in this Python; expected it beside this project")
    folder = Path(package.origin).parent
    path = next((folder / name for name in _LIBRARY_NAMES if (folder / name).exists()), None)
    if path is None:
        raise UserError(f"{folder}: expected TensorFlow's C++ library here ({' or '.join(_LIBRARY_NAMES)})")
    with start_up_messages_removed():
        loaded = ctypes.CDLL(str(path))
    for name, (result, *arguments) in _FUNCTIONS.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


@contextmanager
def status() -> Iterator[int]:
    """Yields a `TF_Status`; raises SavedModelError after the block if TensorFlow reported an error in it."""
    tf = library()
    handle = tf.TF_NewStatus()
    try:
        yield handle
        if code := tf.TF_GetCode(handle):
            raise SavedModelError(tf.TF_Message(handle).decode("utf-8", "replace"), code)
    finally:
        tf.TF_DeleteStatus(handle)


@contextmanager
def tensor_of(array: np.ndarray) -> Iterator[int]:
    """Yields a `TF_Tensor` that holds a copy of `array`, an object array of bytes standing for strings."""
    tf = library()
    dims = (ctypes.c_int64 * array.ndim)(*array.shape)
    if array.dtype == object:
        tensor = tf.TF_AllocateTensor(_STRING, dims, array.ndim, array.size * _STRING_BYTES)
        values = array.reshape(-1).tolist()
        short = b"".join(_in_place(value) for value in values)
        ctypes.memmove(tf.TF_TensorData(tensor), short, len(short))
        for address, value in zip(_string_addresses(tensor, array.size), values, strict=True):
            if len(value) > _MOST_IN_PLACE:
                tf.TF_StringCopy(address, value, len(value))
    else:
        tensor = tf.TF_AllocateTensor(_DTYPE_NUMBERS[array.dtype.name], dims, array.ndim, array.nbytes)
        contiguous = np.ascontiguousarray(array)
        ctypes.memmove(tf.TF_TensorData(tensor), contiguous.ctypes.data, array.nbytes)
    try:
        yield tensor
    finally:
        tf.TF_DeleteTensor(tensor)


def array_of_tensor(tensor: int) -> np.ndarray:
    """Copies a `TF_Tensor` into an array; strings become an object array of bytes."""
    tf = library()
    shape = tuple(tf.TF_Dim(tensor, axis) for axis in range(tf.TF_NumDims(tensor)))
    number = tf.TF_TensorType(tensor)
    if number == _STRING:
        array = np.empty(shape, dtype=object)
        raw = ctypes.string_at(tf.TF_TensorData(tensor), array.size * _STRING_BYTES) if array.size else b""
        array.reshape(-1)[:] = [
            _string_at(raw, place * _STRING_BYTES, address)
            for place, address in enumerate(_string_addresses(tensor, array.size))
        ]
        return array
    array = np.empty(shape, dtype=numpy_type(type_name(number)))
    ctypes.memmove(array.ctypes.data, tf.TF_TensorData(tensor), array.nbytes)
    return array


def _in_place(value: bytes) -> bytes:
    """A short string as the tensor holds it, or the empty one in place of a longer one.

    A call of the library takes a microsecond, and a request may hold thousands of strings. In TensorFlow's TF_TString
    (tsl/platform/ctstring_internal.h) a string of up to 22 bytes stands in the tensor itself, behind a byte with four
    times its length.
    """
    if len(value) > _MOST_IN_PLACE:
        return bytes(_STRING_BYTES)
    return bytes((len(value) << 2,)) + value.ljust(_STRING_BYTES - 1, b"\0")


def _string_at(raw: bytes, start: int, address: int) -> bytes:
    """The string that begins so in a tensor's bytes, and lies at an address."""
    first = raw[start]
    if first & 3 == 0:
        return raw[start + 1 : start + 1 + (first >> 2)]
    tf = library()
    return ctypes.string_at(tf.TF_StringGetDataPointer(address), tf.TF_StringGetSize(address))


def _string_addresses(tensor: int, count: int) -> range:
    first = library().TF_TensorData(tensor) or 0
    return range(first, first + count * _STRING_BYTES, _STRING_BYTES)
