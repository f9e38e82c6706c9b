"""Where reviews come from, and how they become batches."""

from collections.abc import Sequence

import numpy as np

from applications.sentiment_analysis.config import Config
from applications.sentiment_analysis.sample import sample
from common.data.batching import Sequences
from common.data.labels import classes_of
from common.text.labelled import LabelledTexts, TextSource, label_indices, load_evaluation, load_training
from common.text.word_features import TextFeatures, choose_vocabulary, count_words


def training_examples(config: Config) -> tuple[LabelledTexts, LabelledTexts, list[str]]:
    """Training and validation examples, and the labels in alphabetical order.

    Raises:
        UserError: fewer than two classes, or a validation label that training lacks.
    """
    train, validation = load_training(config.source, sample, config.validation, config.validation_fraction)
    labels = classes_of(train.name, train.labels)
    label_indices(validation, labels)
    return train, validation, labels


def evaluation_examples(source: TextSource) -> LabelledTexts:
    """The examples that `evaluate` measures on."""
    return load_evaluation(source, sample)


def make_features(config: Config, texts: Sequence[str]) -> TextFeatures:
    """The text front end, with a vocabulary of the words in `texts`."""
    words = choose_vocabulary(
        count_words(texts, config.text_version), config.vocabulary_size, config.min_count
    )
    return features_layer(config, words)


def features_layer(config: Config, words: Sequence[str]) -> TextFeatures:
    """The text front end for a known vocabulary."""
    return TextFeatures(
        words, config.affix_buckets, config.max_tokens, config.text_version, name="text_features"
    )


def encode(examples: LabelledTexts, labels: Sequence[str], features: TextFeatures) -> Sequences:
    """Reads all texts once through the front end."""
    indices = np.array(label_indices(examples, labels), np.int32)
    return Sequences(features.read_all(examples.texts), indices)
