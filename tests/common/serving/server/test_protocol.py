"""What the local server answers is what TensorFlow Serving's own code answers to the same bytes, case by case."""

import gzip
import json
import zlib

import grpc
import httpx
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow_serving.apis import (
    classification_pb2,
    inference_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from common.serving.server.local_server import Limits, ServerOptions, running_server

LIMITS = Limits(max_request_bytes=100_000, max_rows=100, request_seconds=60)
NUMBERS = (
    *("float32", "float64", "float16", "bfloat16", "int8", "uint8", "int16", "uint16", "int32", "uint32"),
    *("int64", "uint64", "complex64", "complex128"),
)
DTYPES = (*NUMBERS, "bool", "string")


def signature(function, *specs, **named):
    return tf.function(function, input_signature=specs).get_concrete_function(**named)


def vector(dtype, name="x"):
    return tf.TensorSpec([None], tf.as_dtype(dtype), name=name)


def parsed(inputs):
    return tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([], tf.float32)})["x"]


def save(module, folder, **signatures):
    module.functions = list(signatures.values())
    tf.saved_model.save(module, str(folder), signatures=signatures)


def edited(folder, edit):
    """Changes the signatures of a SavedModel."""
    file = folder / "saved_model.pb"
    model = SavedModel.FromString(file.read_bytes())
    edit(model.meta_graphs[0].signature_def)
    file.write_bytes(model.SerializeToString())


def half_plus(number):
    """`x / 2 + number`, also for examples, as TensorFlow 2 saves it."""

    def scores(inputs):
        x = parsed(inputs)
        return tf.stack([x / 2 + number, x], axis=1)

    column = tf.TensorSpec([None, 1], tf.float32, name="x")
    examples = vector("string", "inputs")
    labels = tf.constant([["y", "x"]])
    return {
        "serving_default": signature(lambda x: {"y": x * 0.5 + number}, column),
        "regress": signature(lambda inputs: {"outputs": parsed(inputs) / 2 + number}, examples),
        "classify": signature(
            lambda inputs: {"scores": scores(inputs), "classes": tf.tile(labels, [tf.size(inputs), 1])},
            examples,
        ),
        "scores": signature(lambda inputs: {"scores": scores(inputs)}, examples),
        "named": signature(lambda inputs: {"outputs": inputs + 1.0}, vector("float32", "inputs")),
        "too_many": signature(
            lambda inputs: {"outputs": parsed(inputs), "scores": scores(inputs), "more": parsed(inputs)},
            examples,
        ),
        "one_too_few": signature(lambda inputs: {"outputs": parsed(inputs)[1:]}, examples),
    }


def types():
    """One signature for each type, named after it, that gives back what it gets, and some that convert."""
    pair = tf.TensorSpec([None, 2], tf.float32, name="x")
    same = {
        dtype: signature(lambda x: {"y": tf.identity(x)}, tf.TensorSpec(None, tf.as_dtype(dtype), name="x"))
        for dtype in DTYPES
    }
    return same | {
        "vec2": signature(lambda x: {"y": x + 1}, pair),
        "to_half": signature(lambda x: {"y": tf.cast(x, tf.float16)}, pair),
        "to_bfloat16": signature(lambda x: {"y": tf.cast(x, tf.bfloat16)}, pair),
        "to_uint16": signature(lambda x: {"y": tf.cast(x, tf.uint16)}, pair),
        "to_complex": signature(lambda x: {"y": tf.cast(x, tf.complex64)}, pair),
        "to_uint32": signature(lambda x: {"y": tf.cast(x, tf.uint32)}, pair),
        "product": signature(
            lambda a, b: {"y": tf.linalg.matmul(a, b)},
            tf.TensorSpec([None, None], tf.float32, name="a"),
            tf.TensorSpec([None, None], tf.float32, name="b"),
        ),
        "sum": signature(
            lambda a, b, c: {"y": a + b + c}, *(vector("float32", name) for name in ("a", "b", "c"))
        ),
        "sparse": signature(lambda x: {"y": tf.identity(x)}, vector("float32")),
        "composite": signature(lambda x: {"y": tf.identity(x)}, vector("float32")),
        "quantised": signature(lambda x: {"y": tf.identity(x)}, vector("float32")),
        "absent": signature(lambda x: {"y": tf.identity(x)}, vector("float32")),
    }


def unusual(signatures):
    """Signatures that older tools and other languages write."""
    sparse = signatures["sparse"].inputs["x"]
    sparse.coo_sparse.values_tensor_name = sparse.name
    signatures["composite"].outputs["y"].composite_tensor.type_spec.type_spec_class_name = "RaggedTensorSpec"
    signatures["quantised"].inputs["x"].dtype = tf.qint8.as_datatype_enum
    signatures["absent"].outputs["y"].name = "no_such_operation:0"
    signatures["sum"].defaults["b"].CopyFrom(tf.make_tensor_proto([10.0]))
    signatures["sum"].defaults["c"].CopyFrom(tf.make_tensor_proto(100.0))


def save_with_tensorflow_1(folder):
    """Signatures that share an input, and one whose output is a variable that may be assigned to."""
    v1 = tf.compat.v1

    def described(inputs, outputs, method):
        infos = (
            {name: v1.saved_model.build_tensor_info(tensor) for name, tensor in tensors.items()}
            for tensors in (inputs, outputs)
        )
        return v1.saved_model.signature_def_utils.build_signature_def(*infos, f"tensorflow/serving/{method}")

    with v1.Graph().as_default(), v1.Session() as session:
        variable = v1.get_variable("v", initializer=[1.5, 2.5], use_resource=False)
        x, examples = v1.placeholder(tf.float32, [None], "x"), v1.placeholder(tf.string, [None], "examples")
        y = parsed(examples) / 2 + 2
        signatures = {
            "serving_default": described({"x": x}, {"variable": variable._ref(), "y": x + 1}, "predict"),
            "regress": described({"inputs": examples}, {"outputs": y}, "regress"),
            "classify": described({"inputs": examples}, {"scores": tf.stack([y, -y], axis=1)}, "classify"),
        }
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], signatures)
        builder.save()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    save(tf.Module(), folder / "half_plus_two" / "1", **half_plus(2.0))
    save(tf.Module(), folder / "half_plus_three" / "1", **half_plus(3.0))
    save(tf.Module(), folder / "types" / "1", **types())
    edited(folder / "types" / "1", unusual)
    save_with_tensorflow_1(folder / "classical" / "1")
    options = ServerOptions(models=folder, rest_port=0, grpc_port=0, poll_seconds=0, limits=LIMITS)
    with running_server(options) as running:
        yield running


@pytest.fixture(scope="module")
def web(server):
    with httpx.Client(base_url=f"http://127.0.0.1:{server.rest_port}/v1/models", timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def stub(server):
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


def post(web, path, body):
    answer = web.post(f"/{path}", content=body if isinstance(body, bytes) else body.encode())
    return answer.status_code, json.loads(answer.text)


# REST: cases that TensorFlow Serving's own code was asked

ANSWERED = {
    "shapes are not held against the signature": (
        "half_plus_two:predict",
        '{"instances": [1.0, 2.0, 5.0]}',
        [2.5, 3.0, 4.5],
    ),
    "a column of one number": ("half_plus_two:predict", '{"inputs": 1.0}', 2.5),
    "a row that is wider": (
        "types:predict",
        '{"signature_name":"vec2","instances":[[1.0,2.0,3.0]]}',
        [[2, 3, 4]],
    ),
    "no row that is one": ("types:predict", '{"signature_name":"vec2","inputs":[[],[]]}', [[], []]),
    "an integer of more digits than a float": (
        "types:predict",
        '{"signature_name":"float32","instances":[1435774380]}',
        [1435774300.0],
    ),
    "a number beyond the floats": (
        "types:predict",
        '{"signature_name":"float32","instances":[1.7976931348623157e+308, -1e300]}',
        [np.inf, -np.inf],
    ),
    "an integer of more digits than a double": (
        "types:predict",
        '{"signature_name":"float64","instances":[9007199254740993, 36893488147419103232]}',
        [9007199254740992.0, 2.0**65],
    ),
    "an integer that is cut to its type": (
        "types:predict",
        '{"signature_name":"uint8","instances":[300, -1]}',
        [44, 255],
    ),
    "unsigned numbers": ("types:predict", '{"signature_name":"to_uint32","instances":[[1,2]]}', [[1, 2]]),
    "the first of two keys": (
        "half_plus_three:predict",
        '{"instances":[[1.0]],"instances":[[9.0]]}',
        [[3.5]],
    ),
    "the first of two keys of a row": (
        "half_plus_three:predict",
        '{"instances":[{"x": [1.0], "x": [9.0]}]}',
        [[3.5]],
    ),
    "words after the document": ("half_plus_three:predict", '{"instances":[[1.0]]} x', [[3.5]]),
    "another document after it": (
        "half_plus_three:predict",
        '{"instances":[[1.0]]}{"instances":[[9.0]]}',
        [[3.5]],
    ),
    "bytes after the document": ("half_plus_three:predict", b'{"instances":[[1.0]]}\0\xff', [[3.5]]),
    "short names of infinity": (
        "types:predict",
        '{"signature_name":"float64","instances":[Inf, -Inf, Infinity, -Infinity]}',
        [np.inf, -np.inf, np.inf, -np.inf],
    ),
    "a byte order mark": ("half_plus_two:predict", b'\xef\xbb\xbf{"instances":[[1.0]]}', [[2.5]]),
    "strings that are no text": (
        "types:predict",
        b'{"signature_name":"string","instances":["\xff", "\\udc00"]}',
        ["\N{REPLACEMENT CHARACTER}", "\N{REPLACEMENT CHARACTER}" * 3],
    ),
    "base64 with white space and dots": (
        "types:predict",
        '{"signature_name":"string","instances":[{"b64":" aGVs\\nbG8. "}, {"b64":"aGVsbG8"}]}',
        ["hello", "hello"],
    ),
    "an empty column of any type": ("types:predict", '{"signature_name":"uint16","inputs":[]}', []),
    "an empty answer of any type": ("types:predict", '{"signature_name":"to_half","inputs":[]}', []),
}


@pytest.mark.parametrize("case", ANSWERED)
def test_what_tensorflow_serving_answers_is_answered(web, case):
    path, body, expected = ANSWERED[case]
    status, answer = post(web, path, body)
    assert (status, list(answer.values())) == (200, [expected])


REFUSED = {
    "uint16 in rows": (
        "types:predict",
        '{"signature_name":"uint16","instances":[1]}',
        400,
        "Failed to process element: 0 of 'instances' list. "
        "Error: UNIMPLEMENTED: Conversion of JSON Value: 1 to type: uint16",
    ),
    "uint16 in columns": (
        "types:predict",
        '{"signature_name":"uint16","inputs":[1]}',
        501,
        "Conversion of JSON Value: 1 to type: uint16",
    ),
    "an uneven column of uint16": (
        "types:predict",
        '{"signature_name":"uint16","inputs":[[1],[2,3]]}',
        501,
        "Conversion of JSON Value: 1 to type: uint16",
    ),
    "an object for uint16": (
        "types:predict",
        '{"signature_name":"uint16","inputs":[{"a":1}]}',
        400,
        'JSON Value: {"a": 1} Type: Object is not of expected type: uint16',
    ),
    "half in columns": (
        "types:predict",
        '{"signature_name":"float16","inputs":[1]}',
        501,
        "Conversion of JSON Value: 1 to type: half",
    ),
    "half out": (
        "types:predict",
        '{"signature_name":"to_half","instances":[[1,2]]}',
        400,
        "Failed to write JSON value for tensor type: half",
    ),
    "bfloat16 out": (
        "types:predict",
        '{"signature_name":"to_bfloat16","inputs":[[1,2]]}',
        400,
        "Failed to write JSON value for tensor type: bfloat16",
    ),
    "uint16 out": (
        "types:predict",
        '{"signature_name":"to_uint16","instances":[[1,2]]}',
        400,
        "Failed to write JSON value for tensor type: uint16",
    ),
    "complex out": (
        "types:predict",
        '{"signature_name":"to_complex","instances":[[1,2]]}',
        400,
        "Failed to write JSON value for tensor type: complex64",
    ),
    "an integer beyond int32 for int8": (
        "types:predict",
        '{"signature_name":"int8","inputs":[2147483648]}',
        400,
        "JSON Value: 2147483648 Type: Number is not of expected type: int8",
    ),
    "a float for an integer": (
        "types:predict",
        '{"signature_name":"int64","inputs":[1.0]}',
        400,
        "JSON Value: 1.0 Type: Number is not of expected type: int64",
    ),
    "a number beyond the doubles": (
        "types:predict",
        '{"signature_name":"float64","inputs":[1e309]}',
        400,
        "JSON Parse error: Number too big to be stored in double.",
    ),
    "an integer beyond the doubles": (
        "types:predict",
        f'{{"signature_name":"float64","inputs":[{"9" * 400}]}}',
        400,
        "JSON Parse error: Number too big to be stored in double.",
    ),
    "shapes that the graph does not take": (
        "types:predict",
        '{"signature_name":"product","inputs":{"a":[[1,2]],"b":[[1,2]]}}',
        400,
        "Matrix size-incompatible",
    ),
    "a plus before a number": (
        "half_plus_two:predict",
        '{"instances":[+1]}',
        400,
        "JSON Parse error: Invalid value. at offset: 14",
    ),
    "a comment": ("half_plus_two:predict", '{"instances":[1]/**/}', 400, "JSON Parse error"),
    "half a surrogate pair": (
        "half_plus_two:predict",
        '{"instances":[[1.0]],"more":["\\\\ud800\\ud800x"]}',
        400,
        "JSON Parse error: The surrogate pair in string is invalid. at offset: 37",
    ),
    "white space alone": (
        "half_plus_two:predict",
        "  ",
        400,
        "JSON Parse error: The document is empty. at offset: 2",
    ),
    "too many dimensions": (
        "types:predict",
        f'{{"signature_name":"float32","inputs":{"[" * 70}1{"]" * 70}}}',
        400,
        "tensor parsing error",
    ),
    "base64 of the wrong length": (
        "types:predict",
        '{"signature_name":"string","instances":[{"b64":"aGVsbG8=="}]}',
        400,
        "Unable to base64 decode",
    ),
    "base64 twice": (
        "types:predict",
        '{"signature_name":"string","inputs":[{"b64":"aA==","b64":"aA=="}]}',
        400,
        "not formatted correctly for base64 data",
    ),
    "a default over REST": (
        "types:predict",
        '{"signature_name":"sum","inputs":{"a":[1.0]}}',
        400,
        "Missing named input: b in 'inputs' object.",
    ),
    "a signature of a sparse tensor": (
        "types:predict",
        '{"signature_name":"sparse","instances":[1.0]}',
        400,
        "signature 'sparse': expected dense tensors, 'x' is a sparse one",
    ),
    "a signature of a composite tensor": (
        "types:predict",
        '{"signature_name":"composite","instances":[1.0]}',
        400,
        "signature 'composite': expected dense tensors, 'y' is a composite one",
    ),
    "a signature of a quantised tensor": (
        "types:predict",
        '{"signature_name":"quantised","inputs":[1.0]}',
        501,
        "Conversion of JSON Value: 1.0 to type: qint8",
    ),
    "a signature of a tensor that is not there": (
        "types:predict",
        '{"signature_name":"absent","instances":[1.0]}',
        400,
        "signature 'absent': 'y': no tensor 'no_such_operation:0' in the graph",
    ),
    "examples for a signature of numbers": (
        "half_plus_two:regress",
        '{"signature_name":"named","examples":[{"x":1.0}]}',
        400,
        "expected float32",
    ),
    "examples for too many outputs": (
        "half_plus_two:classify",
        '{"signature_name":"too_many","examples":[{"x":1.0}]}',
        400,
        "Expected one or two output Tensors, found 3",
    ),
    "classes of a regression": (
        "half_plus_two:classify",
        '{"signature_name":"regress","examples":[{"x":1.0}]}',
        400,
        "No classification outputs found in SignatureDef: regress; expected at least one of classes, scores",
    ),
    "examples for other inputs": (
        "half_plus_two:regress",
        '{"examples":[{"x":1.0}]}',
        400,
        "No regression inputs found in SignatureDef: serving_default",
    ),
    "fewer answers than examples": (
        "half_plus_two:regress",
        '{"signature_name":"one_too_few","examples":[{"x":1.0},{"x":2.0}]}',
        400,
        "Input batch size did not match output batch size: 2 vs. 1",
    ),
    "an unknown signature for examples": (
        "half_plus_two:regress",
        '{"signature_name":"none","examples":[{"x":1.0}]}',
        400,
        "No signature was found with the name: none",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_tensorflow_serving_refuses_is_refused(web, case):
    path, body, status, message = REFUSED[case]
    given_status, answer = post(web, path, body)
    assert given_status == status, answer
    assert list(answer) == ["error"]
    assert message in answer["error"]
    assert "\n" not in answer["error"]


def test_nan_has_a_name_with_a_sign_too(web):
    _, answer = post(web, "types:predict", '{"signature_name":"float32","instances":[NaN, -NaN]}')
    assert np.isnan(answer["predictions"]).all()


def test_signatures_of_tensorflow_2_answer_examples(web):
    examples = '"examples":[{"x":1.0},{"x":4.0}]}'
    assert post(web, "half_plus_two:regress", f'{{"signature_name":"regress",{examples}') == (
        200,
        {"results": [2.5, 4.0]},
    )
    assert post(web, "half_plus_two:classify", f'{{"signature_name":"classify",{examples}') == (
        200,
        {"results": [[["y", 2.5], ["x", 1.0]], [["y", 4.0], ["x", 4.0]]]},
    )
    assert post(web, "half_plus_two:classify", f'{{"signature_name":"scores",{examples}') == (
        200,
        {"results": [[["", 2.5], ["", 1.0]], [["", 4.0], ["", 4.0]]]},
    )


def test_examples_take_numbers_beyond_the_floats_and_the_last_of_two_keys(web):
    body = (
        '{"signature_name":"regress","examples":[{"x":1e300},{"x":36893488147419103232},{"x":9.0,"x":1.0}]}'
    )
    assert post(web, "half_plus_two:regress", body)[1]["results"] == [np.inf, 1.8446744e19, 2.5]


# REST: compressed bodies

BODY = b'{"instances":[[1.0]]}'
DAMAGED = {
    "cut off": gzip.compress(BODY)[:-3],
    "without its checksum": gzip.compress(BODY)[:-8],
    "another checksum": gzip.compress(BODY)[:-8] + gzip.compress(b"x")[-8:],
    "followed by more": gzip.compress(BODY) + b"more",
    "two after one another": gzip.compress(BODY) + gzip.compress(BODY),
    "not compressed": BODY,
    "compressed otherwise": zlib.compress(BODY),
}


def send(web, content, encoding):
    answer = web.post("/half_plus_two:predict", content=content, headers={"Content-Encoding": encoding})
    return answer.status_code, answer.json()


def test_a_body_may_be_compressed_with_gzip(web):
    for encoding in ("gzip", "x-gzip", "deflate, gzip"):
        assert send(web, gzip.compress(BODY), encoding) == (200, {"predictions": [[2.5]]})
    for encoding in ("identity", "deflate", ""):
        assert send(web, BODY, encoding) == (200, {"predictions": [[2.5]]})
    assert send(web, gzip.compress(BODY), "identity")[0] == 400


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_body_is_refused(web, damage):
    status, answer = send(web, DAMAGED[damage], "gzip")
    assert status == 400
    assert "expected a body compressed with gzip" in answer["error"]


def test_a_body_is_as_large_as_what_it_holds(web):
    limit = LIMITS.max_request_bytes
    assert send(web, gzip.compress(BODY.ljust(limit)), "gzip")[0] == 200
    for size in (limit + 1, 200_000_000):
        status, answer = send(web, gzip.compress(BODY.ljust(size), 1), "gzip")
        assert (status, answer["error"]) == (413, f"expected at most {limit} bytes in a request, got more")


# gRPC


def predict_request(model, name="", **inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, name
    for key, value in inputs.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return request


def asked(stub, *arguments, **inputs):
    return tf.make_ndarray(stub.Predict(predict_request(*arguments, **inputs)).outputs["y"])


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type_that_tensors_have_travels_over_grpc(stub, dtype):
    array = np.array([[1, 0], [2, 3]]).astype(
        object if dtype == "string" else tf.as_dtype(dtype).as_numpy_dtype
    )
    if dtype == "string":
        array[:] = b"\xff"
    answer = asked(stub, "types", dtype, x=array)
    assert answer.dtype == array.dtype
    assert answer.tolist() == array.tolist()


def test_the_graph_says_what_shapes_it_takes(stub):
    assert asked(stub, "half_plus_two", x=np.float32(1)).tolist() == 2.5
    assert asked(stub, "half_plus_two", x=np.ones([2, 3], np.float32)).tolist() == [[2.5] * 3] * 2
    with pytest.raises(grpc.RpcError) as caught:
        asked(stub, "types", "product", a=np.ones([1, 2], np.float32), b=np.ones([1, 2], np.float32))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "Matrix size-incompatible" in caught.value.details()


def test_an_input_that_is_left_out_has_its_default(stub):
    a, b = np.array([1, 2], np.float32), np.array([20, 30], np.float32)
    assert asked(stub, "types", "sum", a=a).tolist() == [111, 112]
    assert asked(stub, "types", "sum", a=a, b=b).tolist() == [121, 132]
    assert asked(stub, "types", "sum", a=a, b=b, c=b).tolist() == [41, 62]
    for inputs in ({}, {"b": b}, {"a": a, "d": b}, {"a": a, "b": b, "d": b}):
        with pytest.raises(grpc.RpcError) as caught:
            asked(stub, "types", "sum", **inputs)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("name", ["sparse", "composite", "quantised", "absent"])
def test_a_signature_that_cannot_be_asked_says_so(stub, name):
    with pytest.raises(grpc.RpcError) as caught:
        asked(stub, "types", name, x=np.ones([1], np.float32))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert f"signature {name!r}: " in caught.value.details()


def test_a_tensor_that_may_be_assigned_to_is_read_like_any_other(stub, web):
    outputs = stub.Predict(predict_request("classical", x=np.array([1, 2, 3], np.float32))).outputs
    assert tf.make_ndarray(outputs["variable"]).tolist() == [1.5, 2.5]
    assert tf.make_ndarray(outputs["y"]).tolist() == [2, 3, 4]
    assert post(web, "classical:predict", '{"inputs":[0.0]}') == (
        200,
        {"outputs": {"variable": [1.5, 2.5], "y": [1.0]}},
    )


def example(x):
    made = tf.train.Example()
    made.features.feature["x"].float_list.value.append(x)
    return made


def test_signatures_of_tensorflow_2_answer_examples_over_grpc(stub):
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name, request.model_spec.signature_name = "half_plus_two", "classify"
    request.input.example_list.examples.append(example(1))
    classes = stub.Classify(request).result.classifications[0].classes
    assert [(one.label, one.score) for one in classes] == [("y", 2.5), ("x", 1)]
    request = regression_pb2.RegressionRequest(input=request.input)
    request.model_spec.name, request.model_spec.signature_name = "half_plus_two", "regress"
    assert [one.value for one in stub.Regress(request).result.regressions] == [2.5]


def multi_request(*tasks, xs=(1, 4), model="classical"):
    request = inference_pb2.MultiInferenceRequest()
    for name, method in tasks:
        task = request.tasks.add(method_name=f"tensorflow/serving/{method}")
        task.model_spec.name, task.model_spec.signature_name = model, name
    request.input.example_list.examples.extend(map(example, xs))
    return request


def test_several_signatures_are_asked_at_once(stub):
    answer = stub.MultiInference(multi_request(("regress", "regress"), ("classify", "classify")))
    first, second = answer.results
    assert [one.value for one in first.regression_result.regressions] == [2.5, 4]
    scores = [[one.score for one in row.classes] for row in second.classification_result.classifications]
    assert scores == [[2.5, -2.5], [4, -4]]
    assert [result.model_spec.signature_name for result in answer.results] == ["regress", "classify"]
    assert {(result.model_spec.name, result.model_spec.version.value) for result in answer.results} == {
        ("classical", 1)
    }


def other_model(request):
    request.tasks[1].model_spec.name = "half_plus_three"
    return request


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        (multi_request(), "INVALID_ARGUMENT", "Missing ModelSpec"),
        (
            multi_request(("regress", "regress"), model=""),
            "INVALID_ARGUMENT",
            "ModelSpec has no name specified",
        ),
        (multi_request(("regress", "regress"), model="none"), "NOT_FOUND", "Servable not found"),
        (
            other_model(multi_request(("regress", "regress"), ("classify", "classify"))),
            "INVALID_ARGUMENT",
            "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
        ),
        (
            multi_request(("regress", "regress"), ("regress", "regress")),
            "INVALID_ARGUMENT",
            "Duplicate evaluation of signature: regress",
        ),
        (
            multi_request(("none", "regress")),
            "INVALID_ARGUMENT",
            "Requested signature not found in model graph: none",
        ),
        (
            multi_request(("regress", "predict")),
            "UNIMPLEMENTED",
            "Unsupported signature method_name: tensorflow/serving/predict",
        ),
        (
            multi_request(("classify", "regress")),
            "INVALID_ARGUMENT",
            "No regression outputs found in SignatureDef: classify",
        ),
        (
            multi_request(("regress", "regress"), ("classify", "classify"), model="half_plus_two"),
            "INVALID_ARGUMENT",
            "Input tensor must be the same for all Signatures.",
        ),
        (multi_request(("regress", "regress"), xs=()), "INVALID_ARGUMENT", "Input is empty."),
    ],
)
def test_tasks_that_do_not_belong_together_are_refused(stub, request_, code, message):
    with pytest.raises(grpc.RpcError) as caught:
        stub.MultiInference(request_)
    assert (caught.value.code().name, message in caught.value.details()) == (code, True), caught.value


# Any request at all

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3) | st.just("b64"), inner),
    max_leaves=10,
)
PIECES = st.sampled_from(
    (
        *(b"{", b"}", b"[", b"]", b",", b":", b'"instances"', b'"inputs"', b'"signature_name"', b'"uint8"'),
        *(b"1", b"1.5", b"-", b"1e999", b"9" * 400, b"NaN", b"-Inf", b"null", b'"', b"\\ud800", b"\\u"),
        *(b"\xff", b"\0"),
    )
)
DOCUMENTS = st.fixed_dictionaries(
    {"signature_name": st.sampled_from((*DTYPES, "vec2", "to_half", "to_complex", "sum", "sparse"))},
    optional={"instances": st.lists(JSON), "inputs": JSON},
)


@settings(max_examples=200)
@given(
    st.lists(PIECES, max_size=12).map(b"".join)
    | DOCUMENTS.map(lambda document: json.dumps(document).encode()),
    st.sampled_from(["", "gzip"]),
)
def test_no_body_is_the_servers_own_error(web, body, encoding):
    content = gzip.compress(body) if encoding else body
    answer = web.post("/types:predict", content=content, headers={"Content-Encoding": encoding})
    assert answer.status_code in (200, 400, 501), answer.text
    assert ("error" in answer.json()) == (answer.status_code != 200)


@settings(max_examples=200)
@given(
    st.sampled_from(DTYPES),
    st.sampled_from([tf.as_dtype(dtype).as_datatype_enum for dtype in DTYPES]) | st.integers(0, 130),
    st.lists(st.integers(-1, 3), max_size=3),
    st.binary(max_size=16),
    st.lists(st.floats(width=32), max_size=3),
    st.lists(st.binary(max_size=3), max_size=3),
)
def test_no_tensor_is_the_servers_own_error(stub, name, dtype, sizes, content, floats, strings):
    request = predict_request("types", name)
    tensor = request.inputs["x"]
    tensor.dtype, tensor.tensor_content = dtype, content
    tensor.float_val.extend(floats)
    tensor.string_val.extend(strings)
    for size in sizes:
        tensor.tensor_shape.dim.add(size=size)
    try:
        answer = stub.Predict(request).outputs["y"]
    except grpc.RpcError as error:
        code = error.code()
    else:
        code = grpc.StatusCode.OK
        assert [dimension.size for dimension in answer.tensor_shape.dim] == sizes
    assert code in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT)


def numpy_answer(dtype, numbers):
    """What TensorFlow Serving makes of numbers in JSON, computed with NumPy; None where it refuses them."""
    if dtype in ("float32", "float64"):
        with np.errstate(over="ignore"):
            return np.array([float(number) for number in numbers]).astype(dtype)
    first = {"uint32": "uint32", "int64": "int64", "uint64": "uint64"}.get(dtype, "int32")
    limits = np.iinfo(first)
    if any(isinstance(number, float) or not limits.min <= number <= limits.max for number in numbers):
        return None
    return np.array(numbers, first).astype(dtype)


@settings(max_examples=200)
@given(
    st.sampled_from(["float32", "float64", "int8", "uint8", "int16", "int32", "uint32", "int64", "uint64"]),
    st.lists(st.integers(-(2**66), 2**66) | st.integers(-300, 300) | st.floats(), min_size=1, max_size=5),
    st.sampled_from(["instances", "inputs"]),
)
def test_numbers_are_those_that_numpy_computes(web, dtype, numbers, key):
    status, answer = post(
        web, "types:predict", json.dumps({"signature_name": dtype, key: numbers, "more": "\ud83d\ude00"})
    )
    expected = numpy_answer(dtype, numbers)
    if expected is None:
        assert status == 400
        return
    assert status == 200, answer
    (values,) = answer.values()
    np.testing.assert_array_equal(np.array(values, dtype), expected)


@settings(max_examples=60)
@given(st.lists(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=3), min_size=1, max_size=4))
def test_rows_of_one_length_are_answered_whatever_it_is(web, rows):
    status, answer = post(web, "half_plus_two:predict", json.dumps({"instances": rows}))
    if len(set(map(len, rows))) > 1:
        assert status == 400
        return
    assert status == 200
    expected = np.array(rows, np.float32) * np.float32(0.5) + np.float32(2)
    np.testing.assert_array_equal(np.array(answer["predictions"], np.float32), expected)
