"""The captioner: pixels -> grid of features -> attending decoder -> words; and what its encoder may begin as."""

from functools import partial
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from applications.image_captioning.config import IMAGE, LABELS, TARGET, Config
from common.errors import UserError, one_line
from common.keras_package import PACKAGE
from common.layers.attention_decoder import AttentionDecoder, Memory
from common.layers.tied_embedding import TiedEmbedding, TokenLoss

IMAGENET = "imagenet"
_RARE_LOGIT = -4.0
_FEATURES = "features"
# What each network of keras.applications makes of pixels from 0 to 1: a factor and an offset.
_INPUTS = {"MobileNetV2": (2.0, -1.0), "EfficientNetV2B0": (255.0, 0.0), "ConvNeXtTiny": (255.0, 0.0)}


def build_encoder(config: Config, precision: str = "float32", weights: str | None = None) -> keras.Model:
    """Images `[batch, height, width, 3]` from 0 to 1 -> a grid of features `[batch, places, channels]`, row by row.

    Args:
        config: which network, and its sizes.
        precision: Keras dtype policy of all layers.
        weights: of a network of keras.applications: "imagenet" or a file; random ones if not given.

    Raises:
        UserError: there is no such file, it holds no weights of this network, or they cannot be downloaded.
    """
    image = keras.Input((None, None, 3), name=IMAGE)
    if config.encoder == "residual":
        maps = _residual_network(image, config, precision)
    else:
        maps = _application(config.encoder, image, weights)
    grid = keras.layers.Reshape((-1, maps.shape[-1]), dtype=precision, name="grid")(maps)
    return keras.Model(image, grid, name="encoder")


def build(config: Config, encoder: keras.Model, words: int, precision: str = "float32") -> keras.Model:
    """The model as it is trained: an image and captions of it -> the loss of writing them, `[batch]`.

    Inputs: `image` `[batch, height, width, 3]` from 0 to 1, or for an encoder of keras.applications the grid that it
    made of it; ids of words, right-padded with 0: `target` `[batch, captions, time]`, which teacher forcing feeds the
    decoder, and `labels` `[batch, captions, time]`, what follows each of them. The mean of the output is the mean loss
    per word in nats, smoothed in training. The model's `SequenceDecoder` uses the same weights to write.

    Args:
        config: sizes, cell, attention and dropout.
        encoder: of `build_encoder`.
        words: how many ids there are.
        precision: Keras dtype policy of all layers but the encoder's; states, gates and losses are float32 always.
    """
    is_trained = config.encoder == "residual"
    image = keras.Input(encoder.input.shape[1:] if is_trained else encoder.output.shape[1:], name=IMAGE)
    target, labels = (keras.Input((None, None), dtype="int32", name=name) for name in (TARGET, LABELS))
    grid = encoder(image) if is_trained else image
    grid = keras.layers.SpatialDropout1D(config.feature_dropout, dtype=precision)(grid)
    values = _features(config, precision)(grid)
    values, fed, written = _ByCaption(name="by_caption", dtype=precision)(values, target, labels)
    embedding = TiedEmbedding(
        words, config.embedding_units, config.word_dropout, dtype=precision, name="embedding"
    )
    read = keras.layers.SpatialDropout1D(config.embedding_dropout, dtype=precision)(embedding(fed))
    outputs = AttentionDecoder(
        config.cell,
        config.units,
        score=config.attention,
        gate=True,
        dropout=config.dropout,
        dtype=precision,
        name="decoder",
    )(read, values)
    vectors = keras.layers.Dense(config.embedding_units, dtype=precision, name="projection")(outputs)
    nats = TokenLoss(embedding, config.label_smoothing, dtype=precision, name="loss")(vectors, written)
    return keras.Model({IMAGE: image, TARGET: target, LABELS: labels}, nats, name="image_captioning")


def build_word_classifier(encoder: keras.Model, words: int, precision: str = "float32") -> keras.Model:
    """A classifier that shares the encoder: images `[batch, height, width, 3]` ->
    logits `[batch, words]` of the words that the captions hold."""
    pooled = keras.layers.GlobalAveragePooling1D(dtype=precision)(encoder.output)
    pooled = keras.layers.Dropout(0.3, dtype=precision)(pooled)
    rare = keras.initializers.Constant(_RARE_LOGIT)
    logits = keras.layers.Dense(words, bias_initializer=rare, dtype="float32", name="words")(pooled)
    return keras.Model(encoder.input, logits, name="word_classifier")


def attended(model: keras.Model, grid: Any) -> Memory:
    """What the decoder of a model of `build` looks at, from the encoder's grid `[batch, places, channels]`."""
    memory: Memory = model.get_layer("decoder").memory(model.get_layer(_FEATURES)(grid))
    return memory


@keras.saving.register_keras_serializable(PACKAGE)
class _ByCaption(keras.layers.Layer):
    """A row for each caption: grids `[batch, places, units]`, ids `[batch, captions, time]` twice -> `[rows, places,
    units]`, `[rows, time]` twice."""

    def call(self, grids: Any, target: Any, labels: Any) -> Any:
        captions, time = tf.unstack(tf.shape(target)[1:])
        by_row = [tf.reshape(ids, [-1, time]) for ids in (target, labels)]
        return tf.repeat(grids, captions, axis=0), *by_row

    def compute_output_spec(self, grids: Any, target: Any, labels: Any) -> Any:
        ids = [keras.KerasTensor((None, None), "int32") for _ in (target, labels)]
        return keras.KerasTensor((None, *grids.shape[1:]), grids.dtype), *ids


def _features(config: Config, precision: str) -> keras.layers.Layer:
    """From the encoder's grid to what the decoder looks at, as one layer for all who need it."""
    if not config.positions:
        return keras.layers.Dense(config.units, "relu", dtype=precision, name=_FEATURES)
    features = keras.layers.Dense(config.units, "relu", dtype=precision)
    return keras.Sequential([features, _WithPositions(config.positions, dtype=precision)], name=_FEATURES)


@keras.saving.register_keras_serializable(PACKAGE)
class _WithPositions(keras.layers.Layer):
    """Appends where each place of a square lies, x and y from -`scale` to `scale`: `[batch, places, units]` -> `[batch,
    places, units + 2]` (as the coordinate channels of Liu et al. 2018)."""

    def __init__(self, scale: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, values: Any) -> Any:
        batch, places = tf.unstack(tf.shape(values)[:2])
        side = tf.cast(tf.round(tf.sqrt(tf.cast(places, tf.float32))), tf.int32)
        along = (2 * tf.range(side, dtype=tf.float32) + 1) / tf.cast(side, tf.float32) - 1
        lies = tf.reshape(tf.stack(tf.meshgrid(along, along), axis=-1), [1, -1, 2]) * self.scale
        return tf.concat([values, tf.cast(tf.repeat(lies, batch, axis=0), values.dtype)], axis=-1)

    def compute_output_shape(self, shape: Any) -> Any:
        return *shape[:-1], shape[-1] + 2

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale}


def _residual_network(image: Any, config: Config, precision: str) -> Any:
    """A residual network (He et al. 2016); a stage's first block halves the side by averaging on its way past the
    convolutions (He et al. 2019)."""
    maps = keras.layers.Rescaling(4.0, offset=-2.0, dtype=precision)(image)
    maps = _activated(_convolution(maps, config.channels[0], 3, 2, precision), precision)
    for stage, (channels, blocks) in enumerate(zip(config.channels, config.blocks, strict=True)):
        for block in range(blocks):
            maps = _residual_block(maps, channels, 2 if stage and not block else 1, precision)
    return maps


def _residual_block(maps: Any, channels: int, stride: int, precision: str) -> Any:
    inner = _activated(_convolution(maps, channels, 3, stride, precision), precision)
    inner = _convolution(inner, channels, 3, 1, precision)
    if stride > 1:
        maps = keras.layers.AveragePooling2D(stride, padding="same", dtype=precision)(maps)
    if maps.shape[-1] != channels:
        maps = _convolution(maps, channels, 1, 1, precision)
    return _activated(keras.layers.Add(dtype=precision)([maps, inner]), precision)


def _convolution(maps: Any, channels: int, kernel: int, stride: int, precision: str) -> Any:
    maps = keras.layers.Conv2D(
        channels,
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        dtype=precision,
    )(maps)
    return keras.layers.BatchNormalization(dtype=precision)(maps)


def _activated(maps: Any, precision: str) -> Any:
    return keras.layers.ReLU(dtype=precision)(maps)


def _application(name: str, image: Any, weights: str | None) -> Any:
    """A network of keras.applications without its classifier, in float32 and as it is."""
    if weights not in (None, IMAGENET) and not Path(weights).is_file():
        raise UserError(f"{weights}: no such file; expected the weights of {name}")
    scale, offset = _INPUTS[name]
    pixels = keras.layers.Rescaling(scale, offset=offset)(image)
    make = partial(getattr(keras.applications, name), include_top=False, input_shape=(None, None, 3))
    try:
        network = make(weights=weights)
    # Keras raises no narrower class when its download fails, nor one class for files of another network.
    except Exception as error:
        raise UserError(f"--encoder-weights {weights}: {name} cannot use them: {one_line(error)}") from error
    network.trainable = False
    return network(pixels, training=False)
