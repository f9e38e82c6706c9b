"""Turns a training run into a SavedModel: text in, the words that may follow out, all in one graph.

python -m applications.keyboard.export --run runs/keyboard/base
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tyro

from applications.keyboard.config import INHERITANCE, NAME, Config
from applications.keyboard.faults import count_fault, finite_fault, prefix_fault, range_fault, text_fault
from applications.keyboard.fitting import fitted_mixture
from applications.keyboard.mixture import Mixture
from applications.keyboard.model import build
from applications.keyboard.network import Network, Passage
from applications.keyboard.other_runtimes import core
from applications.keyboard.predict import MODEL_FILE, MOST_READ
from applications.keyboard.suggestions import Suggestions, typed, without_accents
from applications.keyboard.user_signatures import user_signatures
from applications.keyboard.users import Users
from applications.keyboard.vocabulary import Vocabulary, Words
from common import cli
from common.errors import ROW_ERROR
from common.export.saved_model import Signature
from common.export.script import ExportOptions, card_of, publish, report, require_format
from common.layers.portability import make_portable
from common.row_errors import first_fault, neutral_where
from common.text.character_ngrams import COUNT
from common.text.entries import read_entries
from common.text.files import UTF_8
from common.text.running import RawText
from common.text.segmentation import LINE_END
from common.training.run_folder import FinishedRun, load_finished

TEXTS = ("I am on my ", "", "Zoë’s  dog. th", "see\n10:30 – banananas, ")
PREFIXES = ("", "th", "A", "zzz")
TASK = "Text so far in; the words that most probably follow, or complete the word begun, out."
VALIDATION = (
    "validation, bits per character",
    "validation_bits_per_character",
    "text that was not trained on, which chose the epoch, read as one stream; unknown words are spelled out",
)
LIMITS = (
    "It suggests words of its vocabulary alone, one at a time; it neither corrects mistypings nor reads swipes.",
    "It knows one language and the style of its training text.",
    "Names, insults and opinions of its training text come up again in what it suggests.",
    "Words are what blanks and punctuation set apart: scripts without spaces (Thai, Chinese, Japanese) are not for it.",
)
Tensors = dict[str, tf.Tensor]


@dataclass(frozen=True)
class Trained:
    """A finished training with its model in float32, its text front end, and how much its users' own words weigh."""

    run: FinishedRun[Config]
    model: keras.Model
    words: Words
    mixture: Mixture


def load_run(folder: Path) -> Trained:
    """Reads a finished training from its folder, or from a SavedModel that was exported from it.

    Raises:
        UserError: there is none, or it is not finished.
    """
    run = load_finished(folder, Config, INHERITANCE.preprocessing)
    vocabulary = Vocabulary.from_json(run.preprocessing["vocabulary"])
    model = build(run.config, vocabulary.size)
    run.load_weights(model)
    make_portable(model)
    model.get_layer("vectors").keep_in_half()
    mixture = Mixture(**run.preprocessing["mixture"])
    return Trained(run, model, Words(vocabulary, run.config.ngram_buckets), mixture)


def signatures(trained: Trained) -> list[Signature]:
    """What is served, for any batch size; `[batch]` each unless said otherwise.

    - `serving_default`: `text` string, `count` int32 -> `words` string and `probabilities` `[batch, count]`: the words
      that complete the one begun at the end of the text, or that follow it.
    - `complete`: `text`, `prefix` string (the word begun), `count` -> the same; the text is complete without it.
    - `read`: `text`, `last` string (the word before it, a line end at the beginning), `states` `[batch, n, units]` ->
      `spellings`, `words`, `is_word`, `queries`, `logits` and `log_likelihoods`, `[batch, time, ...]` each, and `last`
      and `states`, with which the text that follows is read.
    - `step`: `token` int32, `ngrams` int32 `[batch, 45]`, `states` -> `logits` `[batch, words]`, `query`
      `[batch, width]`, `states`.
    - `score`: `text` -> `log_likelihood` in nats, `word_log_likelihoods` `[batch, time]`, the counts of `words` and
      `characters`.
    - `personal`, `observe` and `follow`, with the state of a user: see `user_signatures`.
    """
    words = trained.words
    network, suggestions = Network(trained.model, words), Suggestions(words)
    size, states_shape = words.vocabulary.size, [None, network.stack.state_count, network.stack.units]

    def suggest(text: tf.Tensor, prefix: tf.Tensor, spellings: tf.RaggedTensor, count: tf.Tensor) -> Tensors:
        batch = tf.shape(text)[0]
        with_line_end = tf.concat([tf.fill([batch, 1], LINE_END), spellings], axis=1)
        last = tf.gather(with_line_end.to_tensor(""), spellings.row_lengths(), batch_dims=1)
        logits = network.logits(network.query_after(spellings))
        best, probabilities = suggestions.best(logits, typed(text, last, prefix), count)
        return {"words": best, "probabilities": probabilities}

    def serve(text: tf.Tensor, count: tf.Tensor) -> Tensors:
        error = first_fault(text_fault(text), count_fault(count))
        text, count = (neutral_where(error != "", value) for value in (text, count))
        spellings, begun = words.segment(text)
        return {**suggest(text, begun, spellings, count), ROW_ERROR: error}

    def complete(text: tf.Tensor, prefix: tf.Tensor, count: tf.Tensor) -> Tensors:
        error = first_fault(text_fault(text), prefix_fault(prefix), count_fault(count))
        text, prefix, count = (neutral_where(error != "", value) for value in (text, prefix, count))
        spellings, _ = words.segment(tf.strings.join([text, " "]))
        return {**suggest(text, prefix, spellings, count), ROW_ERROR: error}

    def read_on(text: tf.Tensor, last: tf.Tensor, states: tf.Tensor) -> Passage:
        spellings, _ = words.segment(tf.strings.join([text, " "]))
        return network.passage(spellings, last, states)

    def read(text: tf.Tensor, last: tf.Tensor, states: tf.Tensor) -> Tensors:
        error = first_fault(text_fault(text, MOST_READ), finite_fault("states", states))
        passage = read_on(*(neutral_where(error != "", value) for value in (text, last, states)))
        at = passage.mask[..., None]
        return {
            "spellings": passage.spellings,
            "words": passage.numbers,
            "is_word": passage.is_word,
            "queries": tf.where(at, passage.queries, 0.0),
            "logits": tf.where(at, network.logits(passage.queries), 0.0),
            "log_likelihoods": tf.stack([-passage.word_nats, -passage.spelling_nats], axis=-1),
            "last": passage.last,
            "states": passage.states,
            ROW_ERROR: error,
        }

    def step(token: tf.Tensor, ngrams: tf.Tensor, states: tf.Tensor) -> Tensors:
        error = first_fault(
            range_fault("token", token, 0, size - 1),
            range_fault("ngrams", ngrams, 0, words.buckets),
            finite_fault("states", states),
        )
        token, ngrams, states = (neutral_where(error != "", value) for value in (token, ngrams, states))
        query, after = network.step(token, ngrams, states)
        return {"logits": network.logits(query), "query": query, "states": after, ROW_ERROR: error}

    def score(text: tf.Tensor) -> Tensors:
        error = first_fault(text_fault(text))
        text = neutral_where(error != "", text)
        batch = tf.shape(text)[0]
        passage = read_on(text, tf.fill([batch], LINE_END), network.zero_states(batch))
        by_word = -passage.word_nats - passage.spelling_nats
        return {
            "log_likelihood": tf.reduce_sum(by_word, axis=1),
            "word_log_likelihoods": by_word,
            "words": tf.reduce_sum(tf.cast(passage.mask, tf.int32), axis=1),
            "characters": tf.strings.length(text, unit="UTF8_CHAR"),
            ROW_ERROR: error,
        }

    strings, integers = (tf.TensorSpec([None], kind) for kind in (tf.string, tf.int32))
    states = tf.TensorSpec(states_shape, tf.float32)
    texts, rows = list(TEXTS), len(TEXTS)
    counts = [3, 1, 5, 3]
    empty = np.zeros([rows, *states_shape[1:]], np.float32)
    begun = read(tf.constant(texts), tf.fill([rows], LINE_END), tf.constant(empty))
    carried = {name: begun[name].numpy() for name in ("last", "states")}
    grams = np.zeros([rows, COUNT], np.int32)
    grams[1, :3] = [1, words.buckets, 1]
    return [
        Signature(
            "serving_default", serve, {"text": strings, "count": integers}, {"text": texts, "count": counts}
        ),
        Signature(
            "complete",
            complete,
            {"text": strings, "prefix": strings, "count": integers},
            {"text": texts, "prefix": list(PREFIXES), "count": counts},
        ),
        Signature(
            "read",
            read,
            {"text": strings, "last": strings, "states": states},
            {"text": texts, **carried},
        ),
        Signature(
            "step",
            step,
            {"token": integers, "ngrams": tf.TensorSpec([None, COUNT], tf.int32), "states": states},
            {"token": [2, 0, 1, size - 1], "ngrams": grams, "states": carried["states"]},
        ),
        Signature("score", score, {"text": strings}, {"text": texts}),
        *user_signatures(Users(network, suggestions, trained.mixture)),
    ]


def examples(served: Signature) -> tuple[tuple[str, ...], ...]:
    """A table of suggestions."""
    asked = ("I am on my ", "Thank you very m", "What do you th", "")
    answers = served.function(text=tf.constant(asked), count=tf.fill([len(asked)], 3))["words"].numpy()
    rows = (", ".join(word.decode("utf-8") for word in row if word) for row in answers)
    return (("text", "suggestions"), *((f"“{text}”", row) for text, row in zip(asked, rows, strict=True)))


def description(trained: Trained) -> dict[str, Any]:
    """What `predict` and `evaluate` must know beside the graph: the words, and which of them are suggested."""
    vocabulary, stack = trained.words.vocabulary, trained.model.get_layer("states").stack
    return {
        "words": list(vocabulary.words),
        "without_accents": {
            word: plain for word in vocabulary.words if (plain := without_accents(word)) != word
        },
        "is_suggested": [int(one) for one in vocabulary.is_suggested],
        "at_blanks": vocabulary.at_blanks,
        "states": [stack.state_count, stack.units],
        "width": trained.run.config.width,
        "network": stack.state_count * stack.units + trained.run.config.width,
        "mixture": asdict(trained.mixture),
    }


def with_users(trained: Trained, texts: Sequence[RawText]) -> Trained:
    """The training with a mixture that is fitted to texts of users; it is kept with the training from then on."""
    network, suggestions = Network(trained.model, trained.words), Suggestions(trained.words)
    fitted = fitted_mixture(network, suggestions, texts)
    bits = fitted.nats / math.log(2)
    cli.console().print(
        f"{fitted.words:,} words of {len(texts)} users: {bits:.3f} bits per word with their own words"
    )
    preprocessing = {**trained.run.preprocessing, "mixture": asdict(fitted.mixture)}
    return replace(trained, run=replace(trained.run, preprocessing=preprocessing), mixture=fitted.mixture)


def export(options: ExportOptions, texts: Sequence[RawText] = ()) -> Path:
    """Writes, checks and publishes the run's model. Returns the new version's folder.

    Args:
        options: what to export, and where to.
        texts: of users, to fit to how much their own words weigh; unless given, it is as before, or as the shipped
            model has it.
    """
    require_format(options, NAME, has_core=True)
    trained = load_run(options.run)
    if texts:
        trained = with_users(trained, texts)
    card = card_of(
        NAME,
        trained,
        options,
        task=TASK,
        limits=LIMITS,
        validation=VALIDATION,
        vocabulary=trained.words.vocabulary.words,
        data=trained.run.config.source.data,
    )
    facts, served = {MODEL_FILE.name: description(trained)}, partial(signatures, trained)
    resources = trained.words.resources
    return publish(
        card,
        trained,
        served,
        options,
        facts,
        examples=examples,
        resources=resources,
        core=partial(core, trained.model, trained.words),
    )


@dataclass(frozen=True)
class Options:
    """What to export, where to, and which users to learn from how much a user's own words weigh."""

    export: tyro.conf.OmitArgPrefixes[ExportOptions]
    users: tuple[Path, ...] = ()
    """Files (as of --data) with the text of one user each that the model was not trained on, to which the weights of a
    user's own words are fitted; unless given, they stay as they are, at first those of the shipped model."""


def main(options: Options) -> None:
    """Exports a trained keyboard as a SavedModel for TensorFlow Serving, checked before it is published."""
    report(export(options.export, [read_entries(path, UTF_8) for path in options.users]))


if __name__ == "__main__":
    cli.run(main, Options)
