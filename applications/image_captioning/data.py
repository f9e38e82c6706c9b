"""Where captioned images come from, and how they become batches."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from applications.image_captioning.config import IMAGE, LABELS, TARGET, Config
from applications.image_captioning.sample import sample
from common.data.batching import teacher_forced
from common.images.augmentation import colour_jitter, mirrors, random_crops, random_half
from common.images.captioned import CaptionedImages, CaptionSource, load_evaluation, load_training
from common.text.caption_words import caption_tokens
from common.text.subwords import END, START
from common.text.word_vocabulary import WordVocabulary

_ASPECTS = (0.75, 4 / 3)
_TOO_COMMON = 0.5
_AT_ONCE = 64


@dataclass(frozen=True)
class Encoded:
    """Images and their captions as a model reads them.

    Attributes:
        images: uint8 `[images, size, size, 3]`, or what an encoder of keras.applications made of them.
        captions: ids of each caption of each image, `[time]` each, ending with `END`.
        mirrors: `[images]`, whether the captions are as true of the mirror image.
    """

    images: np.ndarray
    captions: Sequence[Sequence[np.ndarray]]
    mirrors: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


def training_examples(config: Config) -> tuple[CaptionedImages, CaptionedImages]:
    """Training and validation images with their captions."""
    return load_training(
        config.source,
        partial(sample, size=config.size),
        config.validation_images,
        config.validation_captions,
        config.validation_fraction,
        config.size,
    )


def evaluation_examples(source: CaptionSource, size: int) -> CaptionedImages:
    """The images that `evaluate` measures on, and their captions."""
    return load_evaluation(source, partial(sample, size=size), size)


def encode(examples: CaptionedImages, vocabulary: WordVocabulary, max_words: int) -> Encoded:
    """The captions in ids; those longer than `max_words` lose their end."""
    captions = [
        [np.append(ids[:-1][:max_words], ids[-1]) for ids in vocabulary.encode(captions)]
        for captions in examples.captions
    ]
    mirrored = np.array([mirrors(captions) for captions in examples.captions])
    return Encoded(examples.images, captions, mirrored)


def with_grids(encoded: Encoded, encoder: keras.Model) -> Encoded:
    """The same with the encoder's grids in place of the images, `[images, places, channels]` in half precision."""
    grids = [
        encoder.predict_on_batch(encoded.images[first : first + _AT_ONCE].astype(np.float32) / 255)
        for first in range(0, len(encoded), _AT_ONCE)
    ]
    return Encoded(np.concatenate(grids).astype(np.float16), encoded.captions, encoded.mirrors)


def content_words(examples: CaptionedImages, count: int) -> list[str]:
    """The commonest words of the captions, without those that are said of more than half of the images."""
    images = Counter(word for captions in examples.captions for word in _said(captions))
    words = [word for word, times in images.items() if times <= _TOO_COMMON * len(examples)]
    return sorted(words, key=lambda word: (-images[word], word))[:count]


def word_shares(examples: CaptionedImages, words: Sequence[str]) -> np.ndarray:
    """`[images, words]` float32: in which share of an image's captions each word occurs."""
    places = {word: place for place, word in enumerate(words)}
    shares = np.zeros((len(examples), len(words)), np.float32)
    for row, captions in zip(shares, examples.captions, strict=True):
        for caption in captions:
            for word in set(caption_tokens(caption)) & places.keys():
                row[places[word]] += 1 / len(captions)
    return shares


def _said(captions: Sequence[str]) -> set[str]:
    return {word for caption in captions for word in caption_tokens(caption)}


def pretraining_batches(
    encoded: Encoded, shares: np.ndarray, config: Config, epochs: range
) -> tuple[tf.data.Dataset, int]:
    """Augmented batches of the given epochs: images `[batch, crop, crop, 3]`, shares of words `[batch, words]`; and how
    many batches an epoch has. What an epoch holds depends on (seed, epoch) alone."""
    size = config.pretraining_batch_size
    augmented, targets = _augmentation(encoded, config), tf.constant(shares)

    def blended(rows: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        images, wanted = augmented(rows, seed), tf.gather(targets, rows)
        if not config.pretraining_mixup:
            return images, wanted
        drawn = tf.random.stateless_gamma([2], seed, config.pretraining_mixup)
        share = tf.reduce_max(drawn) / tf.maximum(tf.reduce_sum(drawn), 1e-9)
        images, wanted = (
            share * whole + (1 - share) * tf.roll(whole, 1, axis=0) for whole in (images, wanted)
        )
        return images, wanted

    return _planned(len(encoded), size, config.training.seed, epochs, blended)


def pretraining_validation(encoded: Encoded, shares: np.ndarray, config: Config) -> tf.data.Dataset:
    """All images in their order, and the shares of their words."""
    size = config.pretraining_batch_size
    dataset = tf.data.Dataset.from_tensor_slices((encoded.images, shares)).batch(size)
    return dataset.map(lambda images, wanted: (_as_numbers(images), wanted))


def caption_batches(encoded: Encoded, config: Config, epochs: range) -> tuple[tf.data.Dataset, int]:
    """Augmented batches of the given epochs, as `build` takes them, and how many an epoch has: an image and at most
    `captions_per_image` of its captions. What an epoch holds depends on (seed, epoch) alone."""
    size, most = config.training.batch_size, config.captions_per_image
    is_pixels = encoded.images.dtype == np.uint8
    augmented = _augmentation(encoded, config) if is_pixels else None

    def captions_of(rows: np.ndarray, seed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        chosen = [rng.permutation(len(encoded.captions[row]))[:most] for row in rows]
        return _captions_fed(
            [
                [encoded.captions[row][index] for index in order]
                for row, order in zip(rows, chosen, strict=True)
            ],
            most,
        )

    def batch(rows: tf.Tensor, seed: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        target, labels = tf.numpy_function(captions_of, [rows, seed], [tf.int32, tf.int32])
        for ids in (target, labels):
            ids.set_shape([None, most, None])
        images = augmented(rows, seed) if augmented else tf.cast(tf.gather(encoded.images, rows), tf.float32)
        return {IMAGE: images, TARGET: target, LABELS: labels}, labels

    return _planned(len(encoded), size, config.training.seed, epochs, batch)


def caption_validation(encoded: Encoded, config: Config) -> tf.data.Dataset:
    """All images in their order with their captions, as `build` takes them."""
    size = config.training.batch_size
    most = max(map(len, encoded.captions))

    def generate() -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        for first in range(0, len(encoded), size):
            target, labels = _captions_fed(encoded.captions[first : first + size], most)
            images = encoded.images[first : first + size]
            yield {IMAGE: images, TARGET: target, LABELS: labels}, labels

    ids = tf.TensorSpec([None, None, None], tf.int32)
    images = tf.TensorSpec([None, *encoded.images.shape[1:]], encoded.images.dtype)
    signature = ({IMAGE: images, TARGET: ids, LABELS: ids}, ids)
    dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
    dataset = dataset.map(lambda fed, labels: ({**fed, IMAGE: _as_numbers(fed[IMAGE])}, labels))
    steps = -(-len(encoded) // size)
    return dataset.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(tf.data.AUTOTUNE)


def _augmentation(encoded: Encoded, config: Config) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """From rows and a seed to those images, cropped, mirrored and coloured at random."""
    images, mirrored = tf.constant(encoded.images), tf.constant(encoded.mirrors & config.mirror)

    def augmented(rows: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        flip = random_half(tf.gather(mirrored, rows), seed)
        scale = (config.smallest_crop, 1.0)
        aspects = _ASPECTS if config.smallest_crop < 1 else (1.0, 1.0)
        crops = random_crops(tf.gather(images, rows), seed, config.crop, scale, aspects, flip)
        return colour_jitter(crops, seed, config.jitter) if config.jitter else crops

    return augmented


def _planned(
    examples: int, batch_size: int, seed: int, epochs: range, make: Callable[[tf.Tensor, tf.Tensor], Any]
) -> tuple[tf.data.Dataset, int]:
    """`make(rows, seed)` of shuffled batches of rows, with a seed of its own for each."""

    def generate() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for epoch in epochs:
            order = np.random.default_rng((seed, epoch)).permutation(examples).astype(np.int32)
            for first in range(0, examples, batch_size):
                yield order[first : first + batch_size], np.array([seed + epoch, first], np.int32)

    signature = (tf.TensorSpec([None], tf.int32), tf.TensorSpec([2], tf.int32))
    dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
    return dataset.map(make).prefetch(tf.data.AUTOTUNE), -(-examples // batch_size)


def _captions_fed(captions: Sequence[Sequence[np.ndarray]], most: int) -> tuple[np.ndarray, np.ndarray]:
    """What the decoder is fed and what it is to write, `[images, most, time]` each; places without a caption are 0."""
    flat = [ids for image in captions for ids in (*image, *[np.zeros(0, np.int32)] * (most - len(image)))]
    fed, labels = teacher_forced(flat, START, END)
    return fed.reshape(len(captions), most, -1), labels.reshape(len(captions), most, -1)


def _as_numbers(images: tf.Tensor) -> tf.Tensor:
    """Pixels from 0 to 1; grids as they are."""
    return tf.cast(images, tf.float32) / (255.0 if images.dtype == tf.uint8 else 1.0)
