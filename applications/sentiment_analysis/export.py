"""Turns a training run into a SavedModel: raw strings in, calibrated answers out.

python -m applications.sentiment_analysis.export --run runs/sentiment_analysis/base
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from applications.sentiment_analysis.config import INHERITANCE, NAME, Config
from applications.sentiment_analysis.data import features_layer
from applications.sentiment_analysis.model import build, explained
from applications.sentiment_analysis.other_runtimes import core
from applications.sentiment_analysis.predict import LABELS_FILE
from common import cli
from common.export.saved_model import Signature
from common.export.script import ExportOptions, calibration_of, card_of, publish, report, require_format
from common.layers.portability import make_portable
from common.row_errors import neutral_where
from common.text.labelled import parse_label_map
from common.text.tf_examples import example_texts, serialized_example
from common.text.word_features import TextFeatures
from common.training.run_folder import FinishedRun, load_finished

EXAMPLES = (
    "Not bad at all, I loved it!",
    "a great cast, but the story goes nowhere",
    "",
    "Dull.<br />So dull 🙁",
)
TASK = "A text in; its label ({labels}) and {probabilities} out."
VALIDATED = ("validation accuracy", "validation_accuracy")
MEASURED_ON = "a part of the training data, held out, which chose {chosen}"
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
    run = load_finished(folder, Config, INHERITANCE.preprocessing)
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
    @tf.function(input_signature=[strings], autograph=False)
    def read(text: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return explained(model, features(text))

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


def description(trained: Trained) -> dict[str, Any]:
    """What `predict` must know beside the graph."""
    label_map = parse_label_map(trained.run.config.source.label_map)
    return {"labels": trained.labels, "label_map": label_map}


def export(options: ExportOptions) -> Path:
    """Writes, checks and publishes the run's model. Returns the new version's folder."""
    require_format(options, NAME, has_core=True)
    trained = load_run(options.run)
    calibration = calibration_of(trained.run.outcome)
    card = card_of(
        NAME,
        trained,
        options,
        task=TASK.format(labels=", ".join(trained.labels), probabilities=calibration.probabilities),
        limits=LIMITS,
        validation=(*VALIDATED, MEASURED_ON.format(chosen=calibration.chosen)),
        vocabulary=trained.features.words,
        data=trained.run.config.source.data,
    )
    facts, served = {LABELS_FILE.name: description(trained)}, partial(signatures, trained)
    temperature = trained.run.outcome["temperature"]
    numeric = partial(core, trained.model, trained.features, trained.labels, temperature)
    resources = [trained.features.table]
    return publish(card, trained, served, options, facts, resources=resources, core=numeric)


def main(options: ExportOptions) -> None:
    """Exports a trained classifier as a SavedModel for TensorFlow Serving, checked before it is published."""
    report(export(options))


if __name__ == "__main__":
    cli.run(main, ExportOptions)
