"""Records of TFRecord files are those that TensorFlow writes, and damage is told record by record."""

import gzip

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from common.data.tf_records import tf_records
from common.errors import UserError


def write(path, records):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return path


@given(records=st.lists(st.binary(max_size=300), max_size=5))
def test_records_are_those_that_tensorflow_wrote(tmp_path_factory, records):
    path = write(tmp_path_factory.mktemp("records") / "a.tfrecord", records)
    assert list(tf_records(path)) == records


def test_gzipped_files_are_read(tmp_path):
    path = write(tmp_path / "a.tfrecord", [b"one", b""])
    packed = tmp_path / "b.tfrecord.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert list(tf_records(packed)) == [b"one", b""]
    packed.write_bytes(packed.read_bytes()[:-9])
    with pytest.raises(UserError, match=r"b\.tfrecord\.gz: not a whole gzip file"):
        list(tf_records(packed))


def test_a_damaged_record_costs_no_other(tmp_path):
    path = write(tmp_path / "a.tfrecord", [b"one", b"two", b"three"])
    path.write_bytes(path.read_bytes().replace(b"two", b"too"))
    assert list(tf_records(path)) == [b"one", None, b"three"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[:-1], "record 2: expected TFRecords, got a file that is cut off"),
        (lambda content: content[:22], "record 2: expected TFRecords, got a file that is cut off"),
        (lambda content: b"\xff" + content, "record 1: expected TFRecords, got other bytes"),
        (lambda content: b"PAR1", "record 1: expected TFRecords, got a file that is cut off"),
    ],
)
def test_what_is_no_tfrecord_file_is_told(tmp_path, damage, message):
    path = write(tmp_path / "a.tfrecord", [b"one", b"two"])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=message):
        list(tf_records(path))


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UserError, match=r"a\.tfrecord: No such file or directory; expected a TFRecord file"):
        list(tf_records(tmp_path / "a.tfrecord"))
