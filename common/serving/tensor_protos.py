"""Arrays as TensorFlow's `TensorProto` and back, and a client's other messages, without TensorFlow's Python package."""

import math
from typing import Any

import numpy as np

from common.inference.protobuf import declare_messages
from common.inference.tensorflow_c import DTYPE_NAMES, numpy_type

# tensorflow/core/framework/{tensor,tensor_shape}.proto, tensorflow/core/protobuf/meta_graph.proto and
# tensorflow_serving/apis/{model,predict,get_model_metadata}.proto: the fields written or read here. Unsigned numbers
# are declared as int64, which reads the same bytes.
MESSAGES = declare_messages("""
    message Dim { int64 size = 1; }
    message TensorShapeProto { repeated Dim dim = 2; bool unknown_rank = 3; }
    message TensorProto {
        int32 dtype = 1;
        TensorShapeProto tensor_shape = 2;
        bytes tensor_content = 4;
        repeated float float_val = 5;
        repeated double double_val = 6;
        repeated int32 int_val = 7;
        repeated bytes string_val = 8;
        repeated float scomplex_val = 9;
        repeated int64 int64_val = 10;
        repeated bool bool_val = 11;
        repeated double dcomplex_val = 12;
        repeated int32 half_val = 13;
        repeated int64 uint32_val = 16;
        repeated int64 uint64_val = 17;
    }
    message Int64Value { int64 value = 1; }
    message ModelSpec { string name = 1; Int64Value version = 2; string signature_name = 3; }
    message PredictRequest { ModelSpec model_spec = 1; map<string, TensorProto> inputs = 2; }
    message PredictResponse { map<string, TensorProto> outputs = 1; }
    message GetModelMetadataRequest { ModelSpec model_spec = 1; repeated string metadata_field = 2; }
    message Any { string type_url = 1; bytes value = 2; }
    message GetModelMetadataResponse { map<string, Any> metadata = 2; }
    message SignatureDefMap { map<string, SignatureDef> signature_def = 1; }
    message SignatureDef {
        string method_name = 3;
        map<string, TensorInfo> inputs = 1;
        map<string, TensorInfo> outputs = 2;
    }
    message TensorInfo {
        int32 dtype = 2;
        TensorShapeProto tensor_shape = 3;
        bytes coo_sparse = 4;
        bytes composite_tensor = 5;
    }
""")

_NUMBERS = {name: number for number, name in DTYPE_NAMES.items()}
# Where a message without tensor_content has the values of a type, and the type that they have there.
_FIELDS = {
    "float16": ("half_val", "uint16"),
    "bfloat16": ("half_val", "uint16"),
    "float32": ("float_val", "float32"),
    "float64": ("double_val", "float64"),
    "complex64": ("scomplex_val", "float32"),
    "complex128": ("dcomplex_val", "float64"),
    "int64": ("int64_val", "int64"),
    "uint64": ("uint64_val", "int64"),
    "uint32": ("uint32_val", "int64"),
    "bool": ("bool_val", "bool"),
} | dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16"), ("int_val", "int32"))
_SAME_BYTES = ("float16", "bfloat16", "complex64", "complex128", "uint64")


def write_tensor(message: Any, array: np.ndarray) -> None:
    """Fills a `TensorProto` with an array; an object array holds bytes."""
    for size in array.shape:
        message.tensor_shape.dim.add().size = size
    if array.dtype == object:
        message.dtype = _NUMBERS["string"]
        message.string_val.extend(array.reshape(-1).tolist())
    else:
        message.dtype = _NUMBERS[array.dtype.name]
        message.tensor_content = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def read_tensor(message: Any) -> np.ndarray:
    """The array in a `TensorProto`; strings as an object array of bytes.

    Raises:
        ValueError: the message holds no dense tensor of a known type, or not the values that its shape asks for.
    """
    shape = tuple(dimension.size for dimension in message.tensor_shape.dim)
    dtype = DTYPE_NAMES.get(message.dtype)
    if dtype is None or message.tensor_shape.unknown_rank or min(shape, default=0) < 0:
        raise ValueError(f"expected a dense tensor, got type {message.dtype} and shape {list(shape)}")
    if dtype == "string":
        values = np.empty(len(message.string_val), dtype=object)
        values[:] = message.string_val
    elif message.tensor_content:
        little_endian = numpy_type(dtype).newbyteorder("<")
        values = np.frombuffer(message.tensor_content, little_endian).astype(numpy_type(dtype))
    else:
        values = _listed_values(message, dtype)
    return _repeated(values, math.prod(shape)).reshape(shape)


def _listed_values(message: Any, dtype: str) -> np.ndarray:
    field, listed = _FIELDS[dtype]
    values = np.array(getattr(message, field), "int64" if listed == "uint16" else listed)
    if dtype in _SAME_BYTES:
        return values.astype(listed).view(numpy_type(dtype))
    return values.astype(dtype)


def _repeated(values: np.ndarray, count: int) -> np.ndarray:
    """Values as many as the shape asks for: the last one stands for all that are not written."""
    if len(values) == count:
        return values
    if not 0 < len(values) < count:
        raise ValueError(f"expected {count} values, got {len(values)}")
    return np.concatenate([values, np.full(count - len(values), values[-1], values.dtype)])
