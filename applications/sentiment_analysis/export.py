"""Turns a training run into a SavedModel: raw strings in, calibrated answers out.

python -m applications.sentiment_analysis.export --run runs/sentiment_analysis/base
"""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import tensorflow as tf

from applications.sentiment_analysis.config import NAME, Config
from applications.sentiment_analysis.data import features_layer
from applications.sentiment_analysis.model import build, contributions
from applications.sentiment_analysis.predict import LABELS_FILE
from common import cli
from common.attempt import attempt
from common.export.gpu import with_gpu_signature
from common.export.model_card import ModelCard, Result, vocabulary_sha256
from common.export.saved_model import Signature, export_saved_model
from common.export.script import ExportOptions, record_files, report, training_facts
from common.layers.portability import make_portable
from common.row_errors import neutral_where
from common.text.labelled import parse_label_map
from common.text.word_features import TextFeatures
from common.training.run_folder import FinishedRun, load_finished

EXAMPLES = (
    "Not bad at all, I loved it!",
    "a great cast, but the story goes nowhere",
    "",
    "Dull.<br />So dull 🙁",
)
LIMITS = (
    "It answers with one of the labels it was trained on, whatever the text is about and whatever its language.",
    "It judges best what resembles its training texts in subject, length and style.",
    "Irony, and texts that weigh several things against each other, are its commonest mistakes.",
    "What it learnt of names and groups from its training texts may colour its answers: do not judge people by it.",
)
Tensors = dict[str, tf.Tensor]


@dataclass(frozen=True)
class Trained:
    """A finished training with its model in float32 and its text front end."""

    run: FinishedRun[Config]
    model: keras.Model
    features: TextFeatures
    labels: list[str]


def load_run(folder: Path) -> Trained:
    """Reads a finished training from its folder, or from a SavedModel that was exported from it.

    Raises:
        UserError: there is none, or it is not finished.
    """
    run = load_finished(folder, Config)
    labels, words = run.preprocessing["labels"], run.preprocessing["words"]
    model = build(run.config, len(words), len(labels))
    run.load_weights(model)
    make_portable(model)
    return Trained(run, model, features_layer(run.config, words), labels)


def signatures(trained: Trained) -> list[Signature]:
    """What is served, for any batch size.

    - `serving_default`: `text` strings `[batch]` -> `label` `[batch]` and calibrated `probabilities`
      `[batch, classes]`.
    - `explain`: the same, with `tokens` `[batch, time]`, their `contributions` `[batch, time]` to the label's score
      (its calibrated logit less the mean of the others'), and `mask` `[batch, time]`, false at padding.
    - `classify`: `inputs`, serialised tf.Example with a bytes feature `text`, `[batch]` -> `classes` and `scores`
      `[batch, classes]`; empty classes and scores of 0 in a row that is no such example.
    """
    model, features, labels = trained.model, trained.features, trained.labels
    temperature = trained.run.outcome["temperature"]
    names = tf.constant(labels)
    strings = tf.TensorSpec([None], tf.string)

    # Traced once, so that the graph holds the model once and not for each signature; what a signature does not
    # use of its results is not computed.
    @tf.function(input_signature=[strings])
    def read(text: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return contributions(model, features(text))

    def answer(logits: tf.Tensor) -> Tensors:
        probabilities = tf.nn.softmax(logits / temperature)
        return {"label": tf.gather(names, tf.argmax(probabilities, axis=-1)), "probabilities": probabilities}

    def serve(text: tf.Tensor) -> Tensors:
        _, logits = read(text)
        return answer(logits)

    def explain(text: tf.Tensor) -> Tensors:
        tokens = features.tokens(text)
        by_step, logits = read(text)
        chosen = tf.one_hot(tf.argmax(logits, axis=-1), len(labels))
        others = (1.0 - chosen) / (len(labels) - 1)
        towards = tf.einsum("btc,bc->bt", by_step, (chosen - others) / temperature)
        mask = tf.sequence_mask(tokens.row_lengths())
        return answer(logits) | {"tokens": tokens.to_tensor(""), "contributions": towards, "mask": mask}

    def classify(inputs: tf.Tensor) -> Tensors:
        text, is_example = example_texts(inputs)
        scores = serve(text)["probabilities"]
        answers = {"classes": tf.tile(names[None], [tf.shape(scores)[0], 1]), "scores": scores}
        return {name: neutral_where(~is_example, values) for name, values in answers.items()}

    texts = {"text": list(EXAMPLES)}
    examples = {"inputs": [serialized_example(text) for text in EXAMPLES]}
    return [
        Signature("serving_default", serve, {"text": strings}, texts),
        Signature("explain", explain, {"text": strings}, texts),
        Signature("classify", classify, {"inputs": strings}, examples, method="classify"),
    ]


def example_texts(inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The feature `text` of serialised tf.Examples `[batch]`, and which of them have it: `[batch]` each."""
    feature = {"text": tf.io.FixedLenFeature([], tf.string)}

    def read(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.io.parse_single_example(serialized, feature)["text"], tf.constant(True)

    def read_all(inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        texts: tuple[tf.Tensor, tf.Tensor] = tf.map_fn(
            lambda serialized: attempt(read, serialized, (tf.constant(""), tf.constant(False))),
            inputs,
            fn_output_signature=(tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.bool)),
        )
        return texts

    # As part of the caller's function one attempt would wait for the other.
    with tf.device("/CPU:0"):
        reader = tf.compat.v1.wrap_function(read_all, [tf.TensorSpec([None], tf.string)])
        texts: tuple[tf.Tensor, tf.Tensor] = reader(inputs)
        return texts


def serialized_example(text: str) -> bytes:
    """The tf.Example that `classify` takes for a text."""
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.encode("utf-8")]))
    example = tf.train.Example(features=tf.train.Features(feature={"text": feature}))
    return bytes(example.SerializeToString())


def model_card(trained: Trained, options: ExportOptions) -> ModelCard:
    """What a reader must know of the model before trusting it."""
    accuracy = Result(
        "validation accuracy",
        trained.run.outcome["validation_accuracy"],
        "a part of the training data, held out, which chose the epoch and the calibration",
        f"python -m applications.{NAME}.train, with the configuration below",
    )
    return ModelCard(
        application=NAME,
        task=f"A text in; its label ({', '.join(trained.labels)}) and calibrated probabilities out.",
        results=(accuracy,),
        limits=LIMITS,
        vocabulary_sha256=vocabulary_sha256(trained.features.words),
        **training_facts(trained.run, trained.run.config.source.data, options),
    )


def export(options: ExportOptions) -> Path:
    """Writes, checks and publishes the run's model. Returns the new version's folder."""
    trained = load_run(options.run)
    label_map = parse_label_map(trained.run.config.source.label_map)
    labels = json.dumps({"labels": trained.labels, "label_map": label_map}, ensure_ascii=False)
    files = {
        LABELS_FILE.name: labels,
        **record_files(trained.run, trained.model, model_card(trained, options), options),
    }
    served = with_gpu_signature(partial(signatures, trained), trained.model, options.gpu_signature)
    return export_saved_model(
        served,
        options.folder(NAME),
        resources=[trained.features.table],
        files=files,
        variable_order=trained.run.variable_order(),
    )


def main(options: ExportOptions) -> None:
    """Exports a trained classifier as a SavedModel for TensorFlow Serving, checked before it is published."""
    report(export(options))


if __name__ == "__main__":
    cli.run(main, ExportOptions)
