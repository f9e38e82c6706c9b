"""What is served of a model that reads pictures: the bytes of a picture in, what is written out."""

import io
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from applications.handwriting.config import Config
from applications.handwriting.ink import Ink, points_of
from applications.handwriting.model import frames_of
from applications.handwriting.picture_preprocessing import decode_columns
from applications.handwriting.rendering import render
from common.export.label_answers import Tensors, n_best_answer, text_answer
from common.export.label_search import Search
from common.export.saved_model import Signature
from common.images.files import encode_png
from common.row_errors import first_error

PICTURE_TASK = "A picture of a line of writing in; what is written, with its confidence, out."
PICTURE_VALIDATION = (
    "held-out ink, of other writers where they are known, drawn as pictures and read greedily; it chose the "
    "epoch"
)


def picture_signatures(
    model: keras.Model, config: Config, search: Search, temperature: float, examples: Sequence[Ink]
) -> list[Signature]:
    """What is served, for any batch size; a row that cannot be answered has its reason in the output `error`.

    - `serving_default`: `image_bytes` strings `[batch]`, each a whole JPEG, PNG, GIF or BMP -> `text` strings `[batch]`
      and `confidence` `[batch]`.
    - `n_best` (unless the beam width is 1): `image_bytes`, `lm_weight` and `length_bonus` `[batch]` -> `texts` and
      `scores` `[batch, beam width]`.

    Args:
        model: of `build`.
        config: that it was built with.
        search: looks for what is written.
        temperature: see `text_answer`.
        examples: ink, of which pictures prove the export and warm a server up.
    """
    read = _reader(model, config)

    def serve(image_bytes: tf.Tensor) -> Tensors:
        logits, frames, error = read(image_bytes)
        labels = search.best(logits, frames)
        return text_answer(search.symbols, labels, temperature, first_error(error, labels.error))

    def n_best(image_bytes: tf.Tensor, lm_weight: tf.Tensor, length_bonus: tf.Tensor) -> Tensors:
        logits, frames, error = read(image_bytes)
        return n_best_answer(search, logits, frames, lm_weight, length_bonus, error)

    files = {"image_bytes": _files_of(examples)}
    given = {"image_bytes": tf.TensorSpec([None], tf.string)}
    served = [Signature("serving_default", serve, given, files)]
    if search.options.beam_width > 1:
        weights = {name: tf.TensorSpec([None], tf.float32) for name in ("lm_weight", "length_bonus")}
        count = len(examples)
        asked = {**files, "lm_weight": np.linspace(0, 1, count), "length_bonus": np.linspace(0.5, 0, count)}
        served.append(Signature("n_best", n_best, {**given, **weights}, asked))
    return served


def _reader(model: keras.Model, config: Config) -> Callable[[tf.Tensor], tuple[tf.Tensor, ...]]:
    """From the bytes of pictures to the logits, how many frames of each are real, and what is wrong with the picture;
    traced once, so that the graph holds the model once."""

    def read(image_bytes: tf.Tensor) -> tuple[tf.Tensor, ...]:
        features, count, error = decode_columns(image_bytes)
        rows = tf.shape(image_bytes)[0]
        # TensorFlow's convolutions fail on no row at all.
        is_empty = tf.cast(rows == 0, tf.int32)
        features = tf.pad(features, [[0, is_empty], [0, 0], [0, 0]])
        logits = model((features, tf.pad(count, [[0, is_empty]], constant_values=1)), training=False)
        return logits[:rows], frames_of(config, count), error

    graph: Callable[[tf.Tensor], tuple[tf.Tensor, ...]] = tf.function(
        read, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
    )
    return graph


def _files_of(inks: Sequence[Ink]) -> list[bytes]:
    """Pictures of ink: a JPEG, and then PNGs."""
    pictures = [render(points_of(ink), np.random.default_rng(number)) for number, ink in enumerate(inks)]
    photograph = io.BytesIO()
    Image.fromarray(pictures[0]).save(photograph, "JPEG")
    return [photograph.getvalue(), *map(encode_png, pictures[1:])]
