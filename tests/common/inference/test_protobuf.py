"""Messages declared from notation speak the same bytes as TensorFlow's own classes."""

from tensorflow.core.example.example_pb2 import Example
from tensorflow.core.protobuf.config_pb2 import ConfigProto
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

from common.inference.protobuf import declare_messages


def test_scalars_repeated_fields_and_messages():
    messages = declare_messages("""
        message Example { Features features = 1; }
        message Features { map<string, Feature> feature = 1; }
        message Feature { BytesList bytes_list = 1; FloatList float_list = 2; }
        message BytesList { repeated bytes value = 1; }
        message FloatList { repeated float value = 1; }
    """)
    ours, theirs = messages["Example"](), Example()
    for example in (ours, theirs):
        example.features.feature["text"].bytes_list.value.extend([b"a", b"\0\xff"])
        example.features.feature["x"].float_list.value.extend([1.5, -2])
    assert Example.FromString(ours.SerializeToString()) == theirs
    assert messages["Example"].FromString(theirs.SerializeToString()) == ours


def test_maps_of_scalars_and_unknown_fields_are_kept():
    message = declare_messages("message ConfigProto { map<string, int32> device_count = 1; }")["ConfigProto"]
    theirs = ConfigProto(device_count={"GPU": 0, "CPU": 2}, allow_soft_placement=True)
    ours = message.FromString(theirs.SerializeToString())
    assert dict(ours.device_count) == {"GPU": 0, "CPU": 2}
    assert ConfigProto.FromString(ours.SerializeToString()) == theirs


def test_a_message_may_be_left_as_bytes():
    message = declare_messages(
        "message SignatureDef { map<string, bytes> inputs = 1; string method_name = 3; }"
    )
    theirs = SignatureDef(method_name="predict")
    theirs.inputs["text"].name = "serving_text:0"
    ours = message["SignatureDef"].FromString(theirs.SerializeToString())
    assert ours.inputs["text"] == theirs.inputs["text"].SerializeToString()
    assert ours.method_name == "predict"
