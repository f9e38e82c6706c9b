"""Rows of TFRecord files of `tf.Example`, without TensorFlow's Python package."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from common.data.tf_records import tf_records
from common.inference.protobuf import declare_messages
from common.predicting.texts import GivenText
from common.text.delimited import Fault

# tensorflow/core/example/example.proto and feature.proto.
_EXAMPLE = declare_messages("""
    message Example { Features features = 1; }
    message Features { map<string, Feature> feature = 1; }
    message Feature { BytesList bytes_list = 1; FloatList float_list = 2; Int64List int64_list = 3; }
    message BytesList { repeated bytes value = 1; }
    message FloatList { repeated float value = 1; }
    message Int64List { repeated int64 value = 1; }
""")["Example"]
_NAME = re.compile(r"\.tfrecords?(-\d+-of-\d+)?(\.gz)?\Z", re.IGNORECASE)


def holds_examples(name: str) -> bool:
    """Whether a file is one of `tf.Example`, by its name.

    >>> [holds_examples(name) for name in ("a.tfrecord", "a.tfrecord-00001-of-00020", "a.tfrecords.gz", "a.csv")]
    [True, True, True, False]
    """
    return _NAME.search(name) is not None


def example_rows(path: Path, feature: str) -> Iterator[GivenText | Fault]:
    """The text of each example with its other features, and where one cannot be read what is wrong with it.

    Args:
        path: of the file; its name ends in .tfrecord or .tfrecords, or as a part of one, and in .gz if it is gzipped.
        feature: that holds the text, one string.

    Raises:
        UserError: the file is no TFRecord file from some record on.
    """
    for number, record in enumerate(tf_records(path), start=1):
        place = f"{path}, record {number}"
        if record is None:
            yield Fault(place, "check sum", "its check sum is not that of its bytes")
            continue
        try:
            features = _EXAMPLE.FromString(record).features.feature
        except DecodeError:
            yield Fault(place, "no example", "expected a tf.Example, got other bytes")
            continue
        yield _row(features, feature, number, place)


def _row(features: Mapping[str, Any], wanted: str, number: int, place: str) -> GivenText | Fault:
    if wanted not in features:
        names = ", ".join(map(repr, sorted(features))) or "(none)"
        return Fault(place, "no text", f"no feature {wanted!r}; the features are {names}")
    texts = features[wanted].bytes_list.value
    if len(texts) != 1:
        return Fault(
            place, "no text", f"feature {wanted!r}: expected one string, got {_count(features[wanted])}"
        )
    try:
        text = texts[0].decode("utf-8")
    except UnicodeDecodeError:
        return Fault(place, "no text", f"feature {wanted!r}: not valid UTF-8")
    others = {name: _value(features[name]) for name in sorted(features) if name != wanted}
    return GivenText(text, number, place, others)


def _count(feature: Any) -> str:
    values = _values(feature)
    kind = type(values[0]).__name__ if values else "value"
    return f"{len(values)} of {kind}"


def _values(feature: Any) -> list[Any]:
    return [*feature.bytes_list.value, *feature.float_list.value, *feature.int64_list.value]


def _value(feature: Any) -> Any:
    """A value alone as itself, several as a list, none as None."""
    values = [
        value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
        for value in _values(feature)
    ]
    return values if len(values) > 1 else next(iter(values), None)
