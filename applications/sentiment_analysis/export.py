"""Turns a training run into a SavedModel: raw strings in, calibrated answers out.

python -m applications.sentiment_analysis.export --run runs/sentiment_analysis/base
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from applications.sentiment_analysis.config import NAME, Config
from applications.sentiment_analysis.data import features_layer
from applications.sentiment_analysis.model import build, contributions
from applications.sentiment_analysis.predict import LABELS_FILE
from applications.sentiment_analysis.train import CALIBRATION, PREPROCESSING
from common import cli
from common.data.labelled_text import parse_label_map
from common.errors import UserError
from common.export.saved_model import Signature, export_saved_model
from common.layers.portability import make_portable
from common.layers.text import TextFeatures
from common.training.run_folder import BEST_WEIGHTS, load_config

EXAMPLES = (
    "Not bad at all, I loved it!",
    "a great cast, but the story goes nowhere",
    "",
    "Dull.<br />So dull 🙁",
)
Tensors = dict[str, tf.Tensor]


def signatures(
    model: keras.Model, features: TextFeatures, labels: Sequence[str], temperature: float
) -> list[Signature]:
    """What is served, all for any batch size:

    serving_default: `text` strings `[batch]` -> `label` `[batch]`, `probabilities` `[batch, classes]`, calibrated.
    explain: the same, and `tokens` `[batch, time]`, `contributions` `[batch, time]` (what each token adds to the
    label's score, its logit
        less the mean of the others'), `mask` `[batch, time]` (False where there is padding).
    classify: `inputs`, serialised tf.Example with a bytes feature `text`, `[batch]` -> `classes`, `scores` `[batch,
    classes]`.
    """
    names = tf.constant(labels)
    text = {"text": tf.TensorSpec([None], tf.string)}

    def answer(logits: tf.Tensor) -> Tensors:
        probabilities = tf.nn.softmax(logits / temperature)
        return {"label": tf.gather(names, tf.argmax(probabilities, axis=-1)), "probabilities": probabilities}

    def serve(text: tf.Tensor) -> Tensors:
        return answer(model(features(text), training=False))

    def explain(text: tf.Tensor) -> Tensors:
        tokens = features.tokens(text)
        by_step, logits = contributions(model, features(text))
        chosen = tf.one_hot(tf.argmax(logits, axis=-1), len(labels))
        against = (1.0 - chosen) / (len(labels) - 1)
        towards = tf.einsum("btc,bc->bt", by_step, (chosen - against) / temperature)
        mask = tf.sequence_mask(tokens.row_lengths())
        return answer(logits) | {"tokens": tokens.to_tensor(""), "contributions": towards, "mask": mask}

    def classify(inputs: tf.Tensor) -> Tensors:
        parsed = tf.io.parse_example(inputs, {"text": tf.io.FixedLenFeature([], tf.string, default_value="")})
        scores = serve(parsed["text"])["probabilities"]
        return {"classes": tf.tile(names[None], [tf.shape(scores)[0], 1]), "scores": scores}

    examples = [_serialized(text) for text in EXAMPLES]
    return [
        Signature("serving_default", serve, text, {"text": list(EXAMPLES)}),
        Signature("explain", explain, text, {"text": list(EXAMPLES)}),
        Signature(
            "classify",
            classify,
            {"inputs": tf.TensorSpec([None], tf.string)},
            {"inputs": examples},
            method="classify",
        ),
    ]


def _serialized(text: str) -> bytes:
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.encode("utf-8")]))
    return tf.train.Example(features=tf.train.Features(feature={"text": feature})).SerializeToString()


def load_run(folder: Path) -> tuple[Config, keras.Model, TextFeatures, list[str], float]:
    """The configuration, the trained model in float32, its text front end, its labels and its temperature."""
    config = load_config(folder, Config)
    for name in (PREPROCESSING, BEST_WEIGHTS, CALIBRATION):
        if not (folder / name).is_file():
            raise UserError(
                f"{folder}: no {name} in it, so its training is not finished; go on with train --resume"
            )
    preprocessing = json.loads((folder / PREPROCESSING).read_text("utf-8"))
    temperature = json.loads((folder / CALIBRATION).read_text("utf-8"))["temperature"]
    labels, words = preprocessing["labels"], preprocessing["words"]
    model = build(config, len(words), len(labels))
    model.load_weights(folder / BEST_WEIGHTS)
    return config, model, features_layer(config, words), labels, temperature


@dataclass(frozen=True)
class Options:
    """What to export, and where to."""

    run: Path
    """Folder of a finished training: runs/sentiment_analysis/<name>."""
    output: Path = Path("saved_models") / NAME
    """Folder of numbered versions; the model becomes the next one."""


def export(options: Options) -> Path:
    """Writes, checks and publishes the run's model. Returns the new version's folder."""
    config, model, features, labels, temperature = load_run(options.run)
    make_portable(model)
    described: dict[str, Any] = {"labels": labels, "label_map": parse_label_map(config.source.label_map)}
    files = {LABELS_FILE.name: json.dumps(described, ensure_ascii=False)}
    return export_saved_model(
        signatures(model, features, labels, temperature),
        options.output,
        resources=[features.table],
        files=files,
    )


def main(options: Options) -> None:
    """Exports a trained classifier as a SavedModel for TensorFlow Serving, checked before it is published."""
    version = export(options)
    size = sum(file.stat().st_size for file in version.rglob("*") if file.is_file())
    cli.console().print(f"exported to {version} ({size / 1e6:.1f} MB)")


if __name__ == "__main__":
    cli.run(main, Options)
