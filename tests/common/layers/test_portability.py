"""An exported graph holds no cuDNN operation, whatever machine it was exported on."""

import keras
import pytest
import tensorflow as tf

from common.layers.portability import make_portable
from common.layers.recurrent import GRU, LSTM
from common.layers.stack import RecurrentStack

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quickly_traced")]


@pytest.fixture
def visible_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes Keras and the layers believe that a GPU is present while a graph is traced."""
    real = tf.config.list_logical_devices

    def with_gpu(device_type: str | None = None) -> list:
        return [tf.config.LogicalDevice("/GPU:0", "GPU")] if device_type == "GPU" else real(device_type)

    monkeypatch.setattr(tf.config, "list_logical_devices", with_gpu)


class Nested(keras.layers.Layer):
    """A user's own layer that holds a stack and a stock layer two levels down."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = {"stack": RecurrentStack("gru", 3, bidirectional=True), "stock": [keras.layers.LSTM(3)]}

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return self.parts["stock"][0](self.parts["stack"](inputs))


def _operations(model: keras.Model) -> set[str]:
    signature = tf.TensorSpec([None, 4, 2], tf.float32)
    graph = (
        tf.function(lambda x: model(x, training=False)).get_concrete_function(signature).graph.as_graph_def()
    )
    names = {node.op for node in graph.node}
    return names | {node.op for function in graph.library.function for node in function.node_def}


def _cudnn_operations(model: keras.Model) -> set[str]:
    return {name for name in _operations(model) if "cudnn" in name.lower()}


LAYERS = {
    "LSTM": lambda: LSTM(3),
    "GRU in Bidirectional": lambda: keras.layers.Bidirectional(GRU(3)),
    "stack": lambda: RecurrentStack("lstm", 3, layers=2),
    "a layer of layers": Nested,
}


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS.keys())
@pytest.mark.usefixtures("visible_gpu")
def test_a_portable_model_has_no_cudnn_operation(make) -> None:
    model = keras.Sequential([keras.Input((4, 2)), keras.Sequential([keras.Input((4, 2)), make()])])
    assert _cudnn_operations(model) == {"CudnnRNNV3"}, "Keras chooses cuDNN where it sees a GPU"
    make_portable(model)
    assert _cudnn_operations(model) == set()
