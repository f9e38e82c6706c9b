"""Turns a training run into a SavedModel: sentences in, translations out, all in one graph.

python -m applications.translation.export --run runs/translation/base
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import keras
import tensorflow as tf

from applications.translation import model as translator
from applications.translation.config import INHERITANCE, NAME, Config
from applications.translation.data import subword_text
from applications.translation.predict import LANGUAGES_FILE
from applications.translation.sample import LANGUAGES
from common import cli
from common.data.sources import SAMPLE
from common.decoding.beam import Hypotheses, beam_search
from common.errors import ROW_ERROR
from common.export.hypotheses import hypothesis_scores, hypothesis_texts
from common.export.model_card import without_data_flag
from common.export.saved_model import Signature
from common.export.script import card_of, placeless, publish, report, require_format
from common.export.text_search import Search, SearchOptions
from common.layers.attention_decoder import Memory
from common.layers.portability import make_portable
from common.layers.sequence_decoder import sequence_decoder_of
from common.text.parallel import PairSource
from common.text.subwords import END, FIRST_PIECE, PADDING, START, UNKNOWN, Subwords, SubwordText
from common.training.run_folder import FinishedRun, load_finished

TASK = "A sentence in; its translation out, {search}."
VALIDATION = (
    "validation BLEU of greedy translations",
    "validation_bleu",
    "pairs that were not trained on, which chose the epoch",
)
LIMITS = (
    "It translates whatever it is given, fluently and without a word of doubt, also what it has never met.",
    "It judges best what resembles its training texts in subject, length and style; names it does not know it may "
    "replace by known words.",
    "Words in characters that its training texts lack are left out.",
    "What its training texts take for granted of people, such as who is a doctor and who a nurse, so does it.",
)
_END_MARK, _UNKNOWN_MARK = "</s>", "\ufffd"
_EXAMPLE_PIECES = 16
_FORBIDDEN = (PADDING, UNKNOWN, START)
Tensors = dict[str, tf.Tensor]


@dataclass(frozen=True)
class Trained:
    """A finished training with its model in float32 and its text front end."""

    run: FinishedRun[Config]
    model: keras.Model
    subwords: SubwordText


class SearchResult(NamedTuple):
    """What a search found for each text.

    Attributes:
        source: the text's ids `[batch, source time]`.
        truncated: `[batch]`, whether the text was too long and lost its end.
        hypotheses: the best first; recorded are the attention weights.
    """

    source: tf.Tensor
    truncated: tf.Tensor
    hypotheses: Hypotheses


@dataclass(frozen=True)
class Passes:
    """What the signatures share.

    Attributes:
        tokenize: strings `[batch]` -> ids `[batch, time]`.
        detokenize: ids `[batch, time]` -> strings `[batch]`.
        spelling: ids `[batch, time]` -> their subwords `[batch, time]`.
        encode: ids `[batch, time]` -> what the decoder attends to.
    """

    tokenize: Callable[[tf.Tensor], tf.Tensor]
    detokenize: Callable[[tf.Tensor], tf.Tensor]
    spelling: Callable[[tf.Tensor], tf.Tensor]
    encode: Callable[[tf.Tensor], Memory]


def load_run(folder: Path) -> Trained:
    """Reads a finished training from its folder, or from a SavedModel that was exported from it.

    Raises:
        UserError: there is none, or it is not finished.
    """
    run = load_finished(folder, Config, INHERITANCE.preprocessing)
    subwords = Subwords.from_json(run.preprocessing["subwords"])
    model = translator.build(run.config, subwords.size)
    run.load_weights(model)
    make_portable(model)
    # One more than the model was trained on shows that a text is longer.
    return Trained(run, model, subword_text(subwords, run.config.max_tokens + 1))


def passes(trained: Trained) -> Passes:
    """Traces what several signatures need, so that the graph holds it once and not for each of them."""
    strings, ids = tf.TensorSpec([None], tf.string), tf.TensorSpec([None, None], tf.int32)

    @tf.function(input_signature=[ids], autograph=False)
    def read(source: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        memory = translator.encode(trained.model, source)
        return memory.keys, memory.values, memory.mask

    def encode(source: tf.Tensor) -> Memory:
        return Memory(*read(source))

    tokenize, spelling = (
        tf.function(function, input_signature=[spec], autograph=False)
        for function, spec in (
            (lambda text: trained.subwords(text), strings),
            (lambda numbers: trained.subwords.spelling(numbers), ids),
        )
    )

    def detokenize(numbers: tf.Tensor) -> tf.Tensor:
        return trained.subwords.detokenize(numbers, spelling(numbers))

    return Passes(tokenize, detokenize, spelling, encode)


def searcher(
    trained: Trained, shared: Passes, search: Search, count: int
) -> Callable[[tf.Tensor], SearchResult]:
    """The function from strings `[batch]` to the `count` best translations of each; an empty text has an empty one."""
    decoder, most = sequence_decoder_of(trained.model), trained.run.config.max_tokens

    def find(text: tf.Tensor) -> SearchResult:
        source = shared.tokenize(text)
        lengths = tf.math.count_nonzero(source, axis=1, dtype=tf.int32)
        is_empty = lengths <= 1
        memory = shared.encode(source)
        hypotheses = beam_search(
            decoder.stepper(memory),
            tf.fill(tf.shape(lengths), START),
            decoder.initial_states(memory),
            end=END,
            max_lengths=tf.where(is_empty, 0, 2 * lengths + 10),
            beam_width=search.beam_width,
            length_penalty=search.length_penalty,
            hypotheses=count,
            forbidden=_FORBIDDEN,
            record=tf.TensorSpec([None, None], tf.float32),
        )
        return SearchResult(source, lengths - 1 > most, hypotheses)

    graph: Callable[[tf.Tensor], SearchResult] = tf.function(
        find, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
    )
    return graph


def signatures(trained: Trained, search: Search) -> list[Signature]:
    """What is served, for any batch size; `[batch]` each unless said otherwise.

    - `serving_default`: `text` strings -> `translation`, its `score` (log-probability over the length penalty), and
      `truncated`, whether the text was longer than the model takes and lost its end.
    - `n_best`: `text` -> `translations`, `scores`, `log_likelihoods`, `[batch, beam width]`, the best first (where
      there are fewer, the lowest float32 stands for the numbers), and `truncated`.
    - `align`: `text` -> `translation`; `source_tokens` `[batch, source time]` and `target_tokens` `[batch, time]`,
      subwords with a "▁" for a space, "</s>" for the end, "�" for what the model cannot read, and "" at padding;
      `attention` `[batch, time, source time]`.
    - `score`: `text`, `translation` -> `log_likelihood` in nats of the most probable segmentation, the count of
      `tokens` it is the sum of, and `truncated`, whether either side lost its end.
    """
    most, shared = trained.run.config.max_tokens, passes(trained)
    best, all_of_beam = (searcher(trained, shared, search, count) for count in (1, search.beam_width))

    def text_of(hypotheses: Hypotheses) -> tf.Tensor:
        return hypothesis_texts(hypotheses, shared.detokenize)

    def spelt(ids: tf.Tensor) -> tf.Tensor:
        marked = tf.where(ids == UNKNOWN, _UNKNOWN_MARK, shared.spelling(ids))
        return tf.where(ids == END, _END_MARK, marked)

    def serve(text: tf.Tensor) -> Tensors:
        result = best(text)
        return {
            "translation": text_of(result.hypotheses)[:, 0],
            "score": result.hypotheses.scores[:, 0],
            "truncated": result.truncated,
            ROW_ERROR: result.hypotheses.error,
        }

    def n_best(text: tf.Tensor) -> Tensors:
        result = all_of_beam(text)
        return {
            "translations": text_of(result.hypotheses),
            **hypothesis_scores(result.hypotheses),
            "truncated": result.truncated,
            ROW_ERROR: result.hypotheses.error,
        }

    def align(text: tf.Tensor) -> Tensors:
        result = best(text)
        hypotheses = result.hypotheses
        assert hypotheses.recorded is not None
        return {
            "translation": text_of(hypotheses)[:, 0],
            "source_tokens": spelt(result.source),
            "target_tokens": spelt(hypotheses.tokens[:, 0]),
            "attention": hypotheses.recorded[:, 0],
            ROW_ERROR: hypotheses.error,
        }

    def score(text: tf.Tensor, translation: tf.Tensor) -> Tensors:
        source, labels = shared.tokenize(text), shared.tokenize(translation)
        start = tf.fill([tf.shape(labels)[0], 1], START)
        fed = tf.concat([start, tf.where(labels == END, PADDING, labels)[:, :-1]], axis=1)
        memory = shared.encode(source)
        tokens = tf.math.count_nonzero(labels, axis=1, dtype=tf.int32)
        longest = tf.maximum(tokens, tf.math.count_nonzero(source, axis=1, dtype=tf.int32))
        return {
            "log_likelihood": sequence_decoder_of(trained.model).log_likelihood(memory, fed, labels),
            "tokens": tokens,
            "truncated": longest - 1 > most,
        }

    strings = tf.TensorSpec([None], tf.string)
    inputs, examples = {"text": strings}, {"text": example_texts(trained.subwords)}
    return [
        Signature("serving_default", serve, inputs, examples),
        Signature("n_best", n_best, inputs, examples),
        Signature("align", align, inputs, examples),
        Signature(
            "score",
            score,
            {**inputs, "translation": strings},
            {**examples, "translation": example_texts(trained.subwords)},
        ),
    ]


def example_texts(subwords: SubwordText) -> list[str]:
    """A few of the commonest subwords, fewer of them, nothing, and characters that no text holds."""
    commonest = tf.range(FIRST_PIECE, FIRST_PIECE + _EXAMPLE_PIECES)
    long, short = subwords.detokenize(
        tf.stack([commonest, tf.where(commonest < FIRST_PIECE + 5, commonest, END)])
    )
    return [long.numpy().decode("utf-8"), short.numpy().decode("utf-8"), "", "⺀ 🙂"]


def description(trained: Trained) -> dict[str, str]:
    """What `predict` and `evaluate` must know beside the graph."""
    source = trained.run.config.source
    return {"source": Path(source.source).name, "target": Path(source.target).name}


def data_name(source: PairSource) -> str:
    """What a translator was trained on, and in which direction."""
    sides = " to ".join(Path(side).name for side in (source.source, source.target))
    return sides if _are_files(source) else f"{placeless(source.data)}: {sides}"


def _are_files(source: PairSource) -> bool:
    return source.data == SAMPLE and source.source not in LANGUAGES


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
        vocabulary=trained.subwords.subwords.pieces,
        data=data_name(source),
    )
    if _are_files(source):
        # It says `sample` there unless told otherwise, and files are told by --source and --target.
        card = without_data_flag(card)
    facts, served = {LANGUAGES_FILE.name: description(trained)}, partial(signatures, trained, search)
    return publish(card, trained, served, options.export, facts, tolerance=1e-4)


def main(options: SearchOptions) -> None:
    """Exports a trained translator as a SavedModel for TensorFlow Serving, checked before it is published."""
    report(export(options))


if __name__ == "__main__":
    cli.run(main, SearchOptions)
