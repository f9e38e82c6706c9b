"""A SavedModel keeps what is needed to export it anew: the configuration, the vocabularies, and each weight's place."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.errors import UserError
from common.export.saved_model import Signature, export_saved_model
from common.layers.stack import RecurrentStack
from common.training.exported_run import ExportedWeights, encode_run, read_run, variable_names


def build(units=3):
    """A network whose variables are more than its signature uses, as those of a dropout."""
    network = keras.Sequential(
        [keras.Input([4]), keras.layers.Dense(units), keras.layers.Dropout(0.5), keras.layers.Dense(2)]
    )
    network.unused = keras.layers.Dense(1)
    return network


def publish(model, folder, order=()):
    signature = Signature(
        "serving_default",
        lambda values: {"outputs": model(values)},
        {"values": tf.TensorSpec([None, 4], tf.float32)},
        {"values": np.eye(4)[:2]},
    )
    record = {"variables": variable_names(model), "words": ["naïve", "a"]}
    return export_saved_model(
        [signature], folder, files={"run.json.gz": encode_run(record)}, variable_order=order
    )


def test_a_new_model_gets_the_weights_of_the_exported_one(tmp_path):
    trained, values = build(), np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    version = publish(trained, tmp_path / "model")
    record = read_run(version)
    assert record["words"] == ["naïve", "a"]
    # Layers of other names, as in a process that has made others before.
    keras.layers.Dense(1)
    again = build()
    assert not np.allclose(again(values), trained(values))
    ExportedWeights(version, record["variables"]).load_into(again)
    np.testing.assert_array_equal(again(values), trained(values))


def test_the_same_weights_in_the_same_order_are_the_same_file(tmp_path):
    trained = build()
    names = variable_names(trained)
    first = publish(trained, tmp_path / "model", order=[names[3], names[0]])
    weights = ExportedWeights(first, names)
    assert weights.order()[:2] == [names[3], names[0]]
    second = publish(trained, tmp_path / "model", order=weights.order())
    file = "variables/variables.data-00000-of-00001"
    assert (first / file).read_bytes() == (second / file).read_bytes()
    assert ExportedWeights(publish(trained, tmp_path / "model"), names).order() == sorted(weights.order())


@pytest.mark.parametrize("cell", ["lstm", "rnn"])
def test_kernels_kept_in_bfloat16_are_found_again(tmp_path, cell):
    stack = RecurrentStack(cell, 4)
    model = keras.Sequential([keras.Input([None, 4]), stack])
    names, weights = variable_names(model), model.get_weights()
    stack.keep_in_bfloat16()
    values = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    signature = Signature(
        "serving_default",
        lambda values: {"outputs": model(values)},
        {"values": tf.TensorSpec([None, None, 4], tf.float32)},
        {"values": values},
    )
    version = export_saved_model([signature], tmp_path / "model")
    again = keras.Sequential([keras.Input([None, 4]), RecurrentStack(cell, 4)])
    ExportedWeights(version, names).load_into(again)
    np.testing.assert_allclose(again(values), model(values), atol=1e-6)
    for mine, theirs in zip(again.get_weights(), weights, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=2**-8)


def test_weights_of_another_model_are_refused_in_one_line(tmp_path):
    trained = build()
    version = publish(trained, tmp_path / "model")
    weights = ExportedWeights(version, variable_names(trained))
    with pytest.raises(UserError, match=r"of the shape \[4, 3\], not \[4, 5\]"):
        weights.load_into(build(units=5))
    with pytest.raises(UserError, match="variables, not 2"):
        weights.load_into(keras.Sequential([keras.Input([4]), keras.layers.Dense(3)]))


def test_a_savedmodel_without_the_record_cannot_be_exported_anew(tmp_path):
    version = publish(build(), tmp_path / "model")
    (version / "assets.extra" / "run.json.gz").unlink()
    with pytest.raises(UserError, match="cannot be exported anew"):
        read_run(version)
