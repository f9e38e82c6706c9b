"""Turns a training run into a SavedModel: a prefix in, its continuation out, all in one graph.

python -m applications.text_generation.export --run runs/text_generation/base
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import tensorflow as tf

from applications.text_generation.config import INHERITANCE, NAME, Config
from applications.text_generation.model import build, read
from applications.text_generation.other_runtimes import IMPOSSIBLE, core
from applications.text_generation.predict import CHARACTERS_FILE, MAX_CHARACTERS, MAX_LENGTH
from common import cli
from common.decoding.generate import Generated, generate
from common.decoding.random_numbers import drawn_ahead
from common.decoding.samplers import compose, forbid, sample, temperature, truncate
from common.errors import ROW_ERROR
from common.export.saved_model import Signature
from common.export.script import ExportOptions, card_of, publish, report, require_format
from common.layers.portability import make_portable
from common.row_errors import first_fault, neutral_where
from common.text.characters import UNKNOWN, Characters
from common.training.run_folder import FinishedRun, load_finished

TEXTS = ("To be, or not", "", "Ω\n", "the same again, and again")
TASK = "The beginning of a text in; its continuation, character by character, or its likelihood out."
VALIDATION = (
    "validation, nats per character",
    "validation_nats_per_character",
    "text that was not trained on, which chose the epoch, read as one stream",
)
LIMITS = (
    "It writes what looks like its training text, character by character; what it says is neither true nor meant.",
    "It knows one style: a prefix in another language or style is continued in that of its training text.",
    "Names, insults and opinions of its training text come up again in what it writes.",
    "Characters that its training text lacks are read as one unknown mark and never written.",
)
CONTROLS = ("length", "temperature", "top_k", "top_p", "seed")
_CARD_TEMPERATURES = (0.0, 0.4, 0.7, 1.0)
_CARD_LENGTH, _CARD_SEED = 200, 7
Tensors = dict[str, tf.Tensor]
Fault = tuple[tf.Tensor, str]


@dataclass(frozen=True)
class Trained:
    """A finished training with its model in float32 and its text front end."""

    run: FinishedRun[Config]
    model: keras.Model
    characters: Characters


@dataclass(frozen=True)
class Functions:
    """The two passes over the model, each traced once and shared by the signatures.

    Attributes:
        read: `(token [batch], states [batch, n, units], text [batch])` -> logits `[batch, time, characters]` of each
            character of the text, its numbers `[batch, time]`, their mask, and token and states after it.
        write: `(token, states, position, length, temperature, top_k, top_p, seed)`, `[batch]` but for the states, ->
            the text written, and why nothing could be written, "" where it could.
        extend: the same, and then token and states after the text.
        start: `(batch)` -> token and states before any text.
    """

    read: Callable[..., tuple[tf.Tensor, ...]]
    write: Callable[..., tuple[tf.Tensor, ...]]
    extend: Callable[..., tuple[tf.Tensor, ...]]
    start: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def load_run(folder: Path) -> Trained:
    """Reads a finished training from its folder, or from a SavedModel that was exported from it.

    Raises:
        UserError: there is none, or it is not finished.
    """
    run = load_finished(folder, Config, INHERITANCE.preprocessing)
    characters = Characters(run.preprocessing["characters"])
    model = build(run.config, characters.size)
    run.load_weights(model)
    make_portable(model)
    return Trained(run, model, characters)


def functions(trained: Trained) -> Functions:
    """Makes the passes that the signatures are built from."""
    model, characters = trained.model, trained.characters
    embedding, logits_of = model.get_layer("embedding"), model.get_layer("logits")
    stack = model.get_layer("states").stack
    floats, integers, strings = (tf.TensorSpec([None], kind) for kind in (tf.float32, tf.int32, tf.string))
    states_spec = tf.TensorSpec([None, stack.state_count, stack.units], tf.float32)

    def start(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.fill([batch], UNKNOWN), tf.zeros([batch, stack.state_count, stack.units])

    @tf.function(input_signature=[integers, states_spec, strings], autograph=False)
    def read_text(token: tf.Tensor, states: tf.Tensor, text: tf.Tensor) -> tuple[tf.Tensor, ...]:
        numbers = characters(text)
        lengths = tf.cast(numbers.row_lengths(), tf.int32)
        targets = numbers.to_tensor(UNKNOWN)
        # The model needs a step to stand on, even if all texts are empty.
        steps = tf.maximum(tf.shape(targets)[1], 1)
        fed = tf.concat([token[:, None], targets], axis=1)
        mask = tf.sequence_mask(lengths, steps)
        logits, after = read(model, fed[:, :steps], tf.unstack(states, axis=1), mask)
        token = tf.gather(fed, lengths, batch_dims=1)
        width = tf.shape(targets)[1]
        return logits[:, :width], targets, mask[:, :width], token, tf.stack(after, axis=1)

    def writer(keeps_states: bool) -> Callable[..., tuple[tf.Tensor, ...]]:
        def write(
            token: tf.Tensor,
            states: tf.Tensor,
            position: tf.Tensor,
            length: tf.Tensor,
            temperatures: tf.Tensor,
            top_k: tf.Tensor,
            top_p: tf.Tensor,
            seed: tf.Tensor,
        ) -> tuple[tf.Tensor, ...]:
            advance = stack.stepper(embedding.units)

            def step(token: tf.Tensor, states: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
                outputs, after = advance(embedding(token), states)
                return logits_of(outputs), after

            drawn = drawn_ahead(seed, position, tf.maximum(tf.reduce_max(length), 1))
            choose = compose(
                forbid([UNKNOWN]),
                temperature(temperatures),
                truncate(top_k, top_p),
                choose=sample(seed, drawn),
            )
            before = tf.unstack(states, axis=1)
            written: Generated = generate(
                step, token, before, length, choose, position=position, keeps_states=keeps_states
            )
            numbers = tf.RaggedTensor.from_tensor(written.tokens, lengths=written.lengths)
            text = characters.text(numbers)
            if not keeps_states:
                return text, written.error
            return text, written.error, written.token, tf.stack(written.states, axis=1)

        traced: Callable[..., tuple[tf.Tensor, ...]] = tf.function(
            write,
            input_signature=[integers, states_spec, integers, integers, floats, integers, floats, integers],
            autograph=False,
        )
        return traced

    return Functions(read_text, writer(keeps_states=False), writer(keeps_states=True), start)


def _control_faults(
    length: tf.Tensor, temperature: tf.Tensor, top_k: tf.Tensor, top_p: tf.Tensor
) -> list[Fault]:
    """What is wrong with each row's controls of the writing."""
    return [
        (~((length >= 0) & (length <= MAX_LENGTH)), f"length: expected 0 to {MAX_LENGTH}"),
        (
            ~((temperature >= 0) & tf.math.is_finite(temperature)),
            "temperature: expected a number, 0 or more",
        ),
        (top_k < 0, "top_k: expected 0 (all characters) or more"),
        (~((top_p > 0) & (top_p <= 1)), "top_p: expected more than 0 and at most 1"),
    ]


def _text_faults(name: str, text: tf.Tensor) -> list[Fault]:
    """What is wrong with each row's text."""
    advice = f"expected at most {MAX_CHARACTERS} bytes at once; read longer ones piece by piece with `follow`"
    return [(tf.strings.length(text) > MAX_CHARACTERS, f"{name}: {advice}")]


def _place_faults(token: tf.Tensor, states: tf.Tensor, tokens: int) -> list[Fault]:
    """What is wrong with each row's place in a text."""
    return [
        (~((token >= 0) & (token < tokens)), f"token: expected 0 to {tokens - 1}"),
        (
            ~tf.reduce_all(tf.math.is_finite(states), axis=[1, 2]),
            "states: expected finite numbers, got NaN or infinity",
        ),
    ]


def _usable(error: tf.Tensor, controls: Tensors) -> list[tf.Tensor]:
    """The controls in the order of `write`, in which a row with an error writes nothing."""
    harmless = {"top_p": 1.0}
    return [
        tf.where(error == "", controls[name], tf.cast(harmless.get(name, 0), controls[name].dtype))
        for name in CONTROLS
    ]


def _without_seed(controls: Tensors) -> Tensors:
    return {name: values for name, values in controls.items() if name != "seed"}


def signatures(trained: Trained) -> list[Signature]:
    """What is served, for any batch size; `[batch]` each unless said otherwise.

    - `serving_default`: `prefix` string, `length` int32, `temperature` float32 (0 for the most probable characters),
      `top_k` int32 (0 for all), `top_p` float32 (1 for all), `seed` int32 -> `text`, the prefix and `length` more
      characters.
    - `score`: `text` -> `log_likelihood` in nats, `character_log_likelihoods` `[batch, time]`, and the count of
      `characters`.
    - `prime`: `prefix` -> `token` int32 and `states` `[batch, n, units]` after it.
    - `step`: `token`, `states` -> `logits` `[batch, characters]` of the next character, and `states`. Character k of
      `assets.extra/characters.json` has the number k + 1.
    - `follow`: `token`, `states`, `text` -> what `score` gives, and `token`, `states` after the text.
    - `extend`: `token`, `states`, `position` int32 (characters written before), and what `serving_default` takes in
      place of the prefix -> the characters written as `text`, `token`, `states`. Pieces together are the whole.
    """
    passes = functions(trained)
    model, tokens = trained.model, trained.characters.size
    stack = model.get_layer("states").stack

    def read_from_start(text: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return passes.read(*passes.start(tf.shape(text)[0]), text)

    def prime(prefix: tf.Tensor) -> Tensors:
        error = first_fault(*_text_faults("prefix", prefix))
        *_, token, states = read_from_start(neutral_where(error != "", prefix))
        return {"token": token, "states": states, ROW_ERROR: error}

    def serve(prefix: tf.Tensor, **controls: tf.Tensor) -> Tensors:
        error = first_fault(*_text_faults("prefix", prefix), *_control_faults(**_without_seed(controls)))
        readable = neutral_where(error != "", prefix)
        *_, token, states = read_from_start(readable)
        position = tf.zeros_like(controls["length"])
        written, fault = passes.write(token, states, position, *_usable(error, controls))
        # What is served is UTF-8, whatever bytes came in.
        beginning = tf.strings.unicode_transcode(readable, "UTF-8", "UTF-8")
        text = tf.strings.join([beginning, written])
        return {"text": text, ROW_ERROR: tf.where(error == "", fault, error)}

    def extend(token: tf.Tensor, states: tf.Tensor, position: tf.Tensor, **controls: tf.Tensor) -> Tensors:
        error = first_fault(
            *_place_faults(token, states, tokens),
            (position < 0, "position: expected 0 or more"),
            *_control_faults(**_without_seed(controls)),
        )
        place = (neutral_where(error != "", value) for value in (token, states, position))
        text, fault, token, states = passes.extend(*place, *_usable(error, controls))
        error = tf.where(error == "", fault, error)
        return {"text": text, "token": token, "states": states, ROW_ERROR: error}

    def likelihood(read: tuple[tf.Tensor, ...]) -> Tensors:
        logits, targets, mask, *_ = read
        nats = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        by_character = tf.where(mask, -nats, 0.0)
        return {
            "log_likelihood": tf.reduce_sum(by_character, axis=1),
            "character_log_likelihoods": by_character,
            "characters": tf.reduce_sum(tf.cast(mask, tf.int32), axis=1),
        }

    def follow(token: tf.Tensor, states: tf.Tensor, text: tf.Tensor) -> Tensors:
        error = first_fault(*_place_faults(token, states, tokens), *_text_faults("text", text))
        read = passes.read(*(neutral_where(error != "", value) for value in (token, states, text)))
        *_, token, states = read
        return {**likelihood(read), "token": token, "states": states, ROW_ERROR: error}

    def score(text: tf.Tensor) -> Tensors:
        error = first_fault(*_text_faults("text", text))
        return {**likelihood(read_from_start(neutral_where(error != "", text))), ROW_ERROR: error}

    def step(token: tf.Tensor, states: tf.Tensor) -> Tensors:
        error = first_fault(*_place_faults(token, states, tokens))
        token, states = (neutral_where(error != "", value) for value in (token, states))
        outputs, after = stack.stepper(model.get_layer("embedding").units)(
            model.get_layer("embedding")(token), tf.unstack(states, axis=1)
        )
        logits = model.get_layer("logits")(outputs)
        is_unknown = tf.range(tf.shape(logits)[1]) == UNKNOWN
        return {
            "logits": tf.where(is_unknown, IMPOSSIBLE, logits),
            "states": tf.stack(after, axis=1),
            ROW_ERROR: error,
        }

    strings, integers, floats = (tf.TensorSpec([None], kind) for kind in (tf.string, tf.int32, tf.float32))
    kinds = {"temperature": floats, "top_p": floats}
    controls = {name: kinds.get(name, integers) for name in CONTROLS}
    chosen = {
        "length": [30, 8, 0, 12],
        "temperature": [0.0, 0.8, 1.0, 0.7],
        "top_k": [0, 5, 0, 0],
        "top_p": [1.0, 1.0, 0.9, 0.8],
        "seed": [0, 1, 2, -3],
    }
    carried = {"token": integers, "states": tf.TensorSpec([None, stack.state_count, stack.units], tf.float32)}
    texts = list(TEXTS)
    primed = {name: value.numpy() for name, value in prime(tf.constant(texts)).items() if name in carried}
    return [
        Signature("serving_default", serve, {"prefix": strings, **controls}, {"prefix": texts, **chosen}),
        Signature("score", score, {"text": strings}, {"text": texts}),
        Signature("prime", prime, {"prefix": strings}, {"prefix": texts}),
        Signature("step", step, carried, primed),
        Signature("follow", follow, {**carried, "text": strings}, {**primed, "text": texts}),
        Signature(
            "extend",
            extend,
            {**carried, "position": integers, **controls},
            {**primed, "position": [0, 1, 5, 0], **chosen},
        ),
    ]


def samples(served: Signature) -> tuple[tuple[str, ...], ...]:
    """A table of texts written from nothing at several temperatures."""
    rows = len(_CARD_TEMPERATURES)
    texts = served.function(
        prefix=tf.fill([rows], ""),
        length=tf.fill([rows], _CARD_LENGTH),
        temperature=tf.constant(_CARD_TEMPERATURES),
        top_k=tf.zeros([rows], tf.int32),
        top_p=tf.ones([rows]),
        seed=tf.fill([rows], _CARD_SEED),
    )["text"]
    written = (text.decode("utf-8") for text in texts.numpy())
    shown = tuple((f"{value:.1f}", text) for value, text in zip(_CARD_TEMPERATURES, written, strict=True))
    return (("temperature", f"{_CARD_LENGTH} characters from an empty prefix, seed {_CARD_SEED}"), *shown)


def description(trained: Trained) -> dict[str, str]:
    """What `predict` must know beside the graph."""
    return {"characters": trained.characters.vocabulary}


def export(options: ExportOptions) -> Path:
    """Writes, checks and publishes the run's model. Returns the new version's folder."""
    require_format(options, NAME, has_core=True, decodes=True)
    trained = load_run(options.run)
    if options.decode_precision == "bfloat16":
        trained.model.get_layer("states").stack.keep_in_bfloat16()
    card = card_of(
        NAME,
        trained,
        options,
        task=TASK,
        limits=LIMITS,
        validation=VALIDATION,
        vocabulary=trained.characters.vocabulary,
        data=trained.run.config.source.data,
    )
    facts, served = {CHARACTERS_FILE.name: description(trained)}, partial(signatures, trained)
    resources = [trained.characters.table]
    return publish(
        card,
        trained,
        served,
        options,
        facts,
        examples=samples,
        resources=resources,
        core=partial(core, trained.model, trained.characters),
    )


def main(options: ExportOptions) -> None:
    """Exports a trained language model as a SavedModel for TensorFlow Serving, checked before it is published."""
    report(export(options))


if __name__ == "__main__":
    cli.run(main, ExportOptions)
