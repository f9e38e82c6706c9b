"""Every Keras layer of the project is found again by name in a saved model, and is what it was."""

import importlib
import json
import pkgutil

import keras
import numpy as np
import pytest
import tensorflow as tf

import applications
import common
from applications.image_captioning import model as captioning
from applications.keyboard.model import WordVectors
from applications.text_generation.model import CharacterEmbedding
from common.audio.features import FitLength, LogMel, MeanNormalization, SpecAugment
from common.keras_package import PACKAGE
from common.layers import attention, recurrent
from common.layers.attention_decoder import AttentionDecoder
from common.layers.causal_convolution import CausalConvolution
from common.layers.running_mean import RunningNormalization
from common.layers.segment_recurrence import SegmentRecurrence
from common.layers.sequence_mask import RealSteps, ZeroPaddedSteps
from common.layers.stack import RecurrentStack
from common.layers.stateful_stack import StreamedStack
from common.layers.tied_embedding import TiedEmbedding
from common.series.calendar import CalendarFeatures
from common.series.gaps import FillGaps
from common.series.scaling import SeriesScaling
from common.text.characters import Characters
from common.text.subwords import SubwordText
from common.text.word_features import TextFeatures, TokenEmbedding

SAVED_KINDS = (
    keras.layers.Layer,
    keras.losses.Loss,
    keras.metrics.Metric,
    keras.optimizers.Optimizer,
    keras.optimizers.schedules.LearningRateSchedule,
    keras.initializers.Initializer,
    keras.regularizers.Regularizer,
    keras.constraints.Constraint,
)
SHARES_A_LAYER = "shares a layer with the model it stands in; a loaded one would have a copy"
NOT_REGISTERED = {
    "NeighbourLoss": SHARES_A_LAYER,
    "TokenLoss": SHARES_A_LAYER,
    "CharacterLogits": SHARES_A_LAYER,
    "WordLoss": SHARES_A_LAYER,
    "JointAdamW": "no model is saved with its optimiser",
    **dict.fromkeys(("Composer", "Harmony", "Anticipation", "NoteHead"), "only its weights are saved"),
    **dict.fromkeys(
        ("QuantileForecaster", "LifeNetwork", "RowsLeft", "ScaledSensors"), "only its weights are saved"
    ),
}

RNG = np.random.default_rng(4)
SEQUENCES = RNG.normal(size=(2, 5, 3)).astype("float32")
IDS = np.array([[1, 2, 3], [2, 1, 0]], "int32")
WAVES = RNG.normal(scale=0.1, size=(2, 3200)).astype("float32")
QUERIES = RNG.normal(size=(2, 4, 3)).astype("float32")
TEXTS = np.array(["the cat sat", "a cat"], object)
LAYERS = {
    recurrent.SimpleRNN: (recurrent.SimpleRNN(4, return_sequences=True), [SEQUENCES]),
    recurrent.LSTM: (recurrent.LSTM(4, go_backwards=True), [SEQUENCES]),
    recurrent.GRU: (recurrent.GRU(4, use_bias=False), [SEQUENCES]),
    RecurrentStack: (RecurrentStack("gru", 3, layers=2, residual=True), [SEQUENCES]),
    StreamedStack: (
        StreamedStack(RecurrentStack("lstm", 4, layers=2), 2, 2, weight_dropout=0.1, seed=5),
        [SEQUENCES, np.array([True, False])],
    ),
    CausalConvolution: (CausalConvolution(4, 3, stride=2, activation="relu"), [SEQUENCES]),
    RunningNormalization: (RunningNormalization(0.9, scale=2.0, initial_mean=-1.0), [SEQUENCES]),
    AttentionDecoder: (AttentionDecoder("gru", 4, score="additive", gate=True), [SEQUENCES, QUERIES]),
    TiedEmbedding: (TiedEmbedding(6, 4, token_dropout=0.1, seed=2), [IDS]),
    attention.MaskedMaxPooling: (attention.MaskedMaxPooling(), [SEQUENCES]),
    attention.MaskedMeanPooling: (attention.MaskedMeanPooling(), [SEQUENCES]),
    attention.AttentionPooling: (attention.AttentionPooling(4), [SEQUENCES]),
    attention.AdditiveAttention: (attention.AdditiveAttention(4), [QUERIES, SEQUENCES]),
    attention.MultiplicativeAttention: (attention.MultiplicativeAttention(), [QUERIES, SEQUENCES]),
    LogMel: (LogMel(mel_bins=20, causal=True), [WAVES]),
    FitLength: (FitLength(1600, grid=80), [WAVES]),
    MeanNormalization: (MeanNormalization(2.0), [SEQUENCES]),
    RealSteps: (RealSteps(), [SEQUENCES, np.array([5, 2], "int32")]),
    ZeroPaddedSteps: (ZeroPaddedSteps(), [SEQUENCES, np.arange(5) < np.array([[5], [2]])]),
    SpecAugment: (SpecAugment(1, 3, 1, 2, seed=1), [SEQUENCES]),
    SegmentRecurrence: (SegmentRecurrence("gru", 4, layers=2), [SEQUENCES, SEQUENCES[:, :2]]),
    CalendarFeatures: (CalendarFeatures(False, True, [0], [3600], [2]), [3600 * IDS.astype("int64")]),
    FillGaps: (FillGaps(), [np.where(SEQUENCES > 1, np.nan, SEQUENCES)]),
    SeriesScaling: (SeriesScaling([[1.0, 2.0, 3.0]], [[1.0, 0.5, 2.0]]), [SEQUENCES, np.array([0, 1])]),
    Characters: (Characters("abcst"), [TEXTS]),
    SubwordText: (SubwordText(["▁", "c", "a", "t", "cat"], [-2.0, -3.0, -3.0, -3.0, -4.0], 8), [TEXTS]),
    TextFeatures: (TextFeatures(["cat", "the"], 50, 8), [TEXTS]),
    TokenEmbedding: (TokenEmbedding(4, 5, 3, word_dropout=0.2, seed=3), [np.tile(IDS[..., None], 5)]),
    WordVectors: (WordVectors(6, 4, 9, word_dropout=0.1, seed=1), [IDS - 1, IDS[..., None]]),
    CharacterEmbedding: (CharacterEmbedding(6, 3, dropout=0.2, seed=1), [IDS]),
    captioning._ByCaption: (captioning._ByCaption(), [SEQUENCES, IDS[:, None], IDS[:, None]]),
    captioning._WithPositions: (captioning._WithPositions(0.5), [SEQUENCES[:, :4]]),
}


def saved_classes():
    """The classes of the project whose objects a saved Keras model may hold."""
    found = set()
    for package in (common, applications):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.endswith("__main__"):
                continue
            found |= {
                member
                for member in vars(importlib.import_module(module.name)).values()
                if isinstance(member, type)
                and issubclass(member, SAVED_KINDS)
                and member.__module__ == module.name
            }
    return found


def arrays(outputs):
    if isinstance(outputs, tf.RaggedTensor):
        outputs = outputs.to_tensor(-1)
    return [np.asarray(output) for output in keras.tree.flatten(outputs)]


def test_every_layer_is_registered_or_has_a_reason_why_not():
    classes = {one.__name__: one for one in saved_classes()}
    registered = {
        name
        for name, one in classes.items()
        if keras.saving.get_registered_object(f"{PACKAGE}>{name}") is one
    }
    assert len(classes) == len(saved_classes()), "two layers of one name"
    assert classes.keys() - registered == NOT_REGISTERED.keys()


def test_every_registered_layer_is_tried_below():
    assert {one.__name__ for one in LAYERS} == {
        one.__name__ for one in saved_classes()
    } - NOT_REGISTERED.keys()


@pytest.mark.parametrize("kind", LAYERS, ids=lambda kind: kind.__name__)
def test_a_layer_is_what_it_was_after_its_configuration_went_through_a_file(kind):
    layer, inputs = LAYERS[kind]
    first = layer(*map(tf.convert_to_tensor, inputs))
    written = json.dumps(keras.saving.serialize_keras_object(layer))
    copy = keras.saving.deserialize_keras_object(json.loads(written))
    assert type(copy) is kind
    copy(*map(tf.convert_to_tensor, inputs))
    assert json.dumps(copy.get_config()) == json.dumps(layer.get_config())
    copy.set_weights(layer.get_weights())
    again = copy(*map(tf.convert_to_tensor, inputs))
    if kind is StreamedStack:
        first = layer(*map(tf.convert_to_tensor, inputs))
    for one, other in zip(arrays(first), arrays(again), strict=True):
        np.testing.assert_array_equal(one, other)
