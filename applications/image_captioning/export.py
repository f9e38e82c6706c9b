"""Turns a training run into a SavedModel: the bytes of images in, captions out, all in one graph.

python -m applications.image_captioning.export --run runs/image_captioning/base
"""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from applications.image_captioning.config import INHERITANCE, NAME, Config
from applications.image_captioning.model import attended, build, build_encoder
from applications.image_captioning.predict import DESCRIPTION_FILE, END_MARK
from common import cli
from common.decoding.beam import Hypotheses, beam_search
from common.errors import ROW_ERROR
from common.export.hypotheses import hypothesis_scores, hypothesis_texts
from common.export.model_card import without_data_flag
from common.export.saved_model import Signature
from common.export.script import card_of, publish, report, require_format
from common.export.text_search import Search, SearchOptions
from common.images.decoding import decode_images
from common.layers.attention_decoder import Memory
from common.layers.portability import make_portable
from common.layers.sequence_decoder import sequence_decoder_of
from common.text.subwords import END, PADDING, START, UNKNOWN
from common.text.word_vocabulary import WordVocabulary
from common.training.run_folder import FinishedRun, load_finished

TASK = "An image in; a sentence that describes it out, {search}."
VALIDATION = (
    "validation CIDEr-D of greedy captions",
    "validation_cider_d",
    "images that were not trained on, which chose the epoch",
)
LIMITS = (
    "It gives a sentence for whatever picture it is given, and its score does not tell a true sentence from a false "
    "one.",
    "What its training pictures do not show it has no words for: it takes the nearest that they do show. A model of "
    "Flickr8k has seen 6,000 photographs, most of people and dogs out of doors.",
    "It falls back on the same few captions for many pictures; numbers, colours, and whether it sees a man or a woman "
    "are often wrong.",
    "It sees a picture squashed to a small square: writing, faces and small or distant things are lost.",
    "Who is taken for a man, a woman or a child, and what they are said to be doing, repeats what people wrote of its "
    "training pictures, and their prejudices.",
    "Do not let its captions stand for a picture before people who cannot see it, nor decide anything by them, unless "
    "someone has checked them.",
)
_FORBIDDEN = (PADDING, UNKNOWN, START)
_NO_REPEATED_WORDS = 3
Tensors = dict[str, tf.Tensor]


@dataclass(frozen=True)
class Trained:
    """A finished training with its networks in float32 and its vocabulary.

    Attributes:
        run: what training left.
        encoder: images `[batch, size, size, 3]` from 0 to 1 -> grid `[batch, places, channels]`.
        model: of `build`, whose writing layers are used.
        vocabulary: the words.
        side: places on each side of the grid.
    """

    run: FinishedRun[Config]
    encoder: keras.Model
    model: keras.Model
    vocabulary: WordVocabulary
    side: int


class _Encoding(NamedTuple):
    """What the encoder makes of each image: its grid `[batch, places, channels]`, the three parts of what the decoder
    attends to, and what is wrong with the file, strings `[batch]`."""

    grid: tf.Tensor
    keys: tf.Tensor
    values: tf.Tensor
    mask: tf.Tensor
    error: tf.Tensor


def load_run(folder: Path) -> Trained:
    """Reads a finished training from its folder, or from a SavedModel that was exported from it.

    Raises:
        UserError: there is none, it is not finished, or the weights of its network of keras.applications are gone.
    """
    run = load_finished(folder, Config, INHERITANCE.preprocessing)
    config, vocabulary = run.config, WordVocabulary.from_json(run.preprocessing)
    encoder = build_encoder(config, weights=config.encoder_weights)
    model = build(config, encoder, vocabulary.size)
    run.load_weights(model)
    make_portable(encoder)
    make_portable(model)
    places = encoder(tf.zeros([1, config.size, config.size, 3]), training=False).shape[1]
    return Trained(run, encoder, model, vocabulary, math.isqrt(places))


def looker(trained: Trained) -> Callable[[tf.Tensor], _Encoding]:
    """The function from the bytes of images `[batch]` to what is seen in them; traced once, so that the graph holds the
    encoder once and not for each signature."""
    size = trained.run.config.size

    def look(image_bytes: tf.Tensor) -> _Encoding:
        images, error = decode_images(image_bytes, size)
        rows = tf.shape(image_bytes)[0]
        # TensorFlow's fused convolutions fail on no images at all.
        images = tf.pad(images, [[0, tf.cast(rows == 0, tf.int32)], [0, 0], [0, 0], [0, 0]])
        grid = trained.encoder(images, training=False)[:rows]
        memory = attended(trained.model, grid)
        return _Encoding(grid, memory.keys, memory.values, memory.mask, error)

    graph: Callable[[tf.Tensor], _Encoding] = tf.function(
        look, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
    )
    return graph


def searcher(
    trained: Trained, look: Callable[[tf.Tensor], _Encoding], search: Search, count: int
) -> Callable[[tf.Tensor], tuple[Hypotheses, tf.Tensor]]:
    """The function from the bytes of images `[batch]` to the `count` best captions of each, of known words of which no
    three come twice, and to what is wrong with each file; recorded are the attention weights."""
    decoder, most = sequence_decoder_of(trained.model), trained.run.config.max_words

    def find(image_bytes: tf.Tensor) -> tuple[Hypotheses, tf.Tensor]:
        _, *parts, error = look(image_bytes)
        memory, rows = Memory(*parts), tf.shape(image_bytes)[:1]
        hypotheses = beam_search(
            decoder.stepper(memory),
            tf.fill(rows, START),
            decoder.initial_states(memory),
            end=END,
            max_lengths=tf.fill(rows, most + 1),
            beam_width=search.beam_width,
            length_penalty=search.length_penalty,
            hypotheses=count,
            forbidden=_FORBIDDEN,
            no_repeat_ngram=_NO_REPEATED_WORDS,
            record=tf.TensorSpec([None, None], tf.float32),
        )
        return hypotheses, tf.where(error == "", hypotheses.error, error)

    graph: Callable[[tf.Tensor], tuple[Hypotheses, tf.Tensor]] = tf.function(
        find, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
    )
    return graph


def signatures(trained: Trained, search: Search) -> list[Signature]:
    """What is served, for any batch size; all take `image_bytes` strings `[batch]`, each a whole JPEG, PNG, GIF or BMP.

    - `serving_default`: -> `caption` and its `score` (log-probability over the length penalty), `[batch]`.
    - `n_best`: -> `captions`, `scores`, `log_likelihoods`, `[batch, beam width]`, the best first (where there are
      fewer, the lowest float32 stands for the numbers).
    - `attend`: -> `caption` `[batch]`; `tokens` `[batch, time]`, its words, then "</s>", and "" at padding;
      `attention` `[batch, time, grid, grid]`, where the decoder looked as it wrote each of them.
    - `embed`: -> `vector` `[batch, channels]`, the mean of the encoder's grid.

    All give `error` `[batch]` too: what is wrong with a file, empty where nothing is.
    """
    look = looker(trained)
    best, all_of_beam = (searcher(trained, look, search, count) for count in (1, search.beam_width))

    def text_of(hypotheses: Hypotheses) -> tf.Tensor:
        return hypothesis_texts(hypotheses, trained.vocabulary.detokenize)

    def serve(image_bytes: tf.Tensor) -> Tensors:
        hypotheses, error = best(image_bytes)
        return {"caption": text_of(hypotheses)[:, 0], "score": hypotheses.scores[:, 0], ROW_ERROR: error}

    def n_best(image_bytes: tf.Tensor) -> Tensors:
        hypotheses, error = all_of_beam(image_bytes)
        return {"captions": text_of(hypotheses), **hypothesis_scores(hypotheses), ROW_ERROR: error}

    def attend(image_bytes: tf.Tensor) -> Tensors:
        hypotheses, error = best(image_bytes)
        assert hypotheses.recorded is not None
        tokens = hypotheses.tokens[:, 0]
        maps = tf.reshape(
            hypotheses.recorded[:, 0], [*tf.unstack(tf.shape(tokens)), trained.side, trained.side]
        )
        return {
            "caption": text_of(hypotheses)[:, 0],
            "tokens": tf.where(tokens == END, END_MARK, trained.vocabulary.spelling(tokens)),
            "attention": maps,
            ROW_ERROR: error,
        }

    def embed(image_bytes: tf.Tensor) -> Tensors:
        encoding = look(image_bytes)
        return {"vector": tf.reduce_mean(encoding.grid, axis=1), ROW_ERROR: encoding.error}

    functions = {"serving_default": serve, "n_best": n_best, "attend": attend, "embed": embed}
    inputs, examples = {"image_bytes": tf.TensorSpec([None], tf.string)}, {"image_bytes": example_images()}
    return [Signature(name, function, inputs, examples) for name, function in functions.items()]


def example_images() -> list[bytes]:
    """Two pictures of different sizes and formats, to prove the export on and to warm a server up with: a disc before a
    graded ground as PNG, and stripes as JPEG."""
    down, across = np.mgrid[:90, :120]
    disc = np.stack([2 * across, 2 * down, 200 - across], axis=-1)
    disc[(down - 45) ** 2 + (across - 60) ** 2 < 30**2] = (220, 40, 30)
    stripes = np.where(np.mgrid[:64, :48][1][..., None] % 16 < 8, (240, 200, 40), (30, 60, 160))
    return [_file_of(disc, "PNG"), _file_of(stripes, "JPEG")]


def _file_of(pixels: np.ndarray, kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, kind)
    return file.getvalue()


def description(trained: Trained) -> dict[str, Any]:
    """What `predict` and `evaluate` must know beside the graph."""
    return {"size": trained.run.config.size, "grid": trained.side}


def export(options: SearchOptions) -> Path:
    """Writes, checks and publishes the run's model. Returns the new version's folder."""
    require_format(options.export, NAME, has_core=False, decodes=True)
    trained, search = load_run(options.export.run), options.search()
    if options.export.decode_precision == "bfloat16":
        sequence_decoder_of(trained.model).keep_in_bfloat16()
    source = trained.run.config.source
    card = card_of(
        NAME,
        trained,
        options.export,
        task=TASK.format(search=search),
        limits=LIMITS,
        validation=VALIDATION,
        vocabulary=trained.vocabulary.words,
        data=source.tree.name if source.tree is not None else source.data,
    )
    if source.images is not None:
        # It says `sample` there unless told otherwise, and files are told by --images.
        card = without_data_flag(card)
    facts, served = {DESCRIPTION_FILE.name: description(trained)}, partial(signatures, trained, search)
    return publish(card, trained, served, options.export, facts, tolerance=1e-4)


def main(options: SearchOptions) -> None:
    """Exports a trained captioner as a SavedModel for TensorFlow Serving, checked before it is published."""
    report(export(options))


if __name__ == "__main__":
    cli.run(main, SearchOptions)
