"""What is trained is what captions: step by step, teacher-forced and by its loss the model says the same."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from applications.image_captioning.config import IMAGE, LABELS, PRESETS, TARGET
from applications.image_captioning.model import (
    attended,
    build,
    build_encoder,
    build_word_classifier,
)
from common.layers.sequence_decoder import sequence_decoder_of
from common.text.subwords import END, FIRST_PIECE, START

pytestmark = pytest.mark.slow

TINY = PRESETS["tiny"]
WORDS = 20
RNG = np.random.default_rng(0)
FORMS = [{}, {"cell": "gru", "attention": "multiplicative"}, {"positions": 3.0}]


def images_of(count, size=32):
    return RNG.random((count, size, size, 3)).astype("float32")


def captions_of(*lengths):
    """`[1, captions, time]`: what is fed and what is to be written."""
    labels = np.zeros((len(lengths), max(lengths)), np.int32)
    for row, length in zip(labels, lengths, strict=True):
        row[:length] = [*RNG.integers(FIRST_PIECE, WORDS, length - 1), END][:length]
    fed = np.concatenate([np.full_like(labels[:, :1], START), np.where(labels == END, 0, labels)[:, :-1]], 1)
    return fed[None], labels[None]


def model_of(form, **arguments):
    config = replace(TINY, **form)
    encoder = build_encoder(config, **arguments)
    model = build(config, encoder, WORDS, **arguments)
    for weight in model.trainable_variables:
        weight.assign(RNG.normal(size=weight.shape, scale=0.5).astype("float32"))
    return model, encoder


@pytest.mark.parametrize("form", FORMS)
def test_the_log_probabilities_of_stepping_are_those_of_the_training_pass(form):
    model, encoder = model_of(form)
    image, (fed, labels) = images_of(1), captions_of(6, 3, 1)
    memory = attended(model, encoder(image))
    decoder = sequence_decoder_of(model)
    totals, counts = [], []
    for target, wanted in zip(fed[0], labels[0], strict=True):
        states, step, total = decoder.initial_states(memory), decoder.stepper(memory), 0.0
        length = np.count_nonzero(wanted)
        for t in range(length):
            logits, states, attention = step(tf.constant(target[t : t + 1]), states)
            total += float(tf.nn.log_softmax(logits)[0, wanted[t]])
            assert float(tf.reduce_sum(attention)) == pytest.approx(1, abs=1e-5)
        assert float(
            decoder.log_likelihood(memory, target[None, :length], wanted[None, :length])[0]
        ) == pytest.approx(total, abs=1e-3)
        totals.append(total)
        counts.append(length)
    losses = model({IMAGE: image, TARGET: fed, LABELS: labels}, training=False)
    assert float(np.mean(losses)) == pytest.approx(-sum(totals) / sum(counts), rel=1e-4)


def test_the_captions_of_an_image_are_written_from_that_image():
    model, _ = model_of(FORMS[0])
    images = np.concatenate([images_of(1), 0.2 * images_of(1)])
    fed, labels = (np.concatenate(parts) for parts in zip(captions_of(4, 4), captions_of(4, 4), strict=True))
    together = model({IMAGE: images, TARGET: fed, LABELS: labels}, training=False)
    alone = [
        model({IMAGE: images[row][None], TARGET: fed[row][None], LABELS: labels[row][None]}, training=False)
        for row in range(2)
    ]
    assert float(np.mean(together)) == pytest.approx(
        np.mean([float(np.mean(one)) for one in alone]), rel=1e-4
    )
    swapped = model({IMAGE: images[::-1], TARGET: fed, LABELS: labels}, training=False)
    assert abs(float(np.mean(swapped)) - float(np.mean(together))) > 1e-3


def test_a_caption_that_is_not_there_costs_nothing():
    model, _ = model_of(FORMS[0])
    image, (fed, labels) = images_of(1), captions_of(5, 3)
    more = [np.pad(ids, [(0, 0), (0, 2), (0, 3)]) for ids in (fed, labels)]
    bare, padded = (
        float(np.mean(model({IMAGE: image, TARGET: one, LABELS: two}, training=False)))
        for one, two in ((fed, labels), more)
    )
    assert padded == pytest.approx(bare, rel=1e-4)


def test_images_of_any_size_become_a_grid_row_by_row():
    _, encoder = model_of(FORMS[0])
    assert encoder(images_of(2, 32)).shape == (2, 8 * 8, 8)
    assert encoder(images_of(1, 48)).shape == (1, 12 * 12, 8)
    image = np.zeros((1, 64, 64, 3), np.float32)
    changed = image.copy()
    changed[0, 40:44, 8:12] = 1
    moved = np.abs(np.asarray(encoder(changed)) - np.asarray(encoder(image))).max(-1).reshape(16, 16)
    assert np.unravel_index(moved.argmax(), moved.shape)[0] in range(8, 13)
    assert np.unravel_index(moved.argmax(), moved.shape)[1] in range(0, 5)
    assert not moved[:4].any(), "what lies far from the change does not see it"


def test_the_decoder_is_told_where_each_place_lies():
    model, encoder = model_of({"positions": 3.0})
    values = attended(model, encoder(images_of(2, 48))).values
    plain, _ = model_of({})
    assert values.shape[-1] == attended(plain, encoder(images_of(2, 48))).values.shape[-1] + 2
    for place, (x, y) in enumerate(np.asarray(values)[1, :, -2:]):
        row, column = divmod(place, 12)
        assert (x, y) == pytest.approx((3 * ((column + 0.5) / 6 - 1), 3 * ((row + 0.5) / 6 - 1)), abs=1e-5)


def test_every_weight_is_trained():
    model, _ = model_of(FORMS[0])
    fed, labels = (np.concatenate(parts) for parts in zip(captions_of(4, 4), captions_of(4, 4), strict=True))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(model({IMAGE: images_of(2), TARGET: fed, LABELS: labels}, training=True))
    variables = model.trainable_variables
    for variable, gradient in zip(variables, tape.gradient(loss, [v.value for v in variables]), strict=True):
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, variable.path


def test_the_word_classifier_shares_the_encoder():
    encoder = build_encoder(TINY)
    classifier = build_word_classifier(encoder, 7)
    images = images_of(3)
    assert classifier(images).shape == (3, 7)
    assert 0 < np.mean(tf.sigmoid(classifier(images))) < 0.5
    own = {variable.path for variable in encoder.variables}
    assert own < {variable.path for variable in classifier.variables}


def test_mixed_precision_gives_a_loss_close_to_full_precision():
    full, _ = model_of(FORMS[0])
    mixed, _ = model_of(FORMS[0], precision="mixed_bfloat16")
    mixed.set_weights(full.get_weights())
    image, (fed, labels) = images_of(1), captions_of(5, 3)
    losses = [np.mean(one({IMAGE: image, TARGET: fed, LABELS: labels})) for one in (full, mixed)]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)


@pytest.mark.parametrize(
    ("name", "preprocess"),
    [
        ("MobileNetV2", keras.applications.mobilenet_v2.preprocess_input),
        ("EfficientNetV2B0", keras.applications.efficientnet_v2.preprocess_input),
    ],
)
def test_a_network_of_keras_is_fed_as_it_was_trained_and_stays_as_it_is(name, preprocess):
    encoder = build_encoder(replace(TINY, encoder=name))
    network = next(layer for layer in encoder.layers if isinstance(layer, keras.Model))
    image = images_of(1, 64)
    maps = network(preprocess(image * 255), training=False)
    np.testing.assert_allclose(
        encoder(image), np.reshape(maps, (1, -1, maps.shape[-1])), rtol=1e-3, atol=1e-4
    )
    assert not encoder.trainable_variables
    model = build(replace(TINY, encoder=name), encoder, WORDS)
    grid = np.asarray(encoder(image))
    fed, labels = captions_of(4)
    assert np.isfinite(np.mean(model({IMAGE: grid, TARGET: fed, LABELS: labels}, training=False)))
