"""What is trained is what translates: step by step, teacher-forced and by its loss the model says the same."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from applications.translation.config import PRESETS
from applications.translation.model import build, encode
from common.layers.sequence_decoder import sequence_decoder_of

pytestmark = pytest.mark.slow

TINY = PRESETS["tiny"]
TOKENS = 30
RNG = np.random.default_rng(0)
START, END = 2, 3
FORMS = [
    {},
    {"cell": "gru", "attention": "additive", "decoder_layers": 3, "encoder_layers": 2},
    {"cell": "rnn", "input_feeding": False, "decoder_layers": 2},
]


def ids(*lengths):
    rows = np.zeros((len(lengths), max(lengths)), np.int32)
    for row, length in zip(rows, lengths, strict=True):
        row[:length] = [*RNG.integers(4, TOKENS, length - 1), END]
    return rows


def fed(labels):
    """What teacher forcing feeds: the start, and all labels but the end."""
    return np.concatenate([np.full_like(labels[:, :1], START), np.where(labels == END, 0, labels)[:, :-1]], 1)


def model_of(form, **arguments):
    model = build(replace(TINY, **form), TOKENS, **arguments)
    for weight in model.trainable_variables:
        weight.assign(RNG.normal(size=weight.shape, scale=0.5).astype("float32"))
    return model


def log_probabilities(logits, labels):
    return np.take_along_axis(np.asarray(tf.nn.log_softmax(logits)), labels[..., None], -1)[..., 0]


@pytest.mark.parametrize("form", FORMS)
def test_the_log_probabilities_of_stepping_are_those_of_the_training_pass(form):
    model = model_of(form)
    source, labels = ids(5, 2, 4), ids(6, 3, 1)
    memory = encode(model, source)
    logits, weights = sequence_decoder_of(model).teacher_forced(memory, fed(labels))
    step, states = (
        sequence_decoder_of(model).stepper(memory),
        sequence_decoder_of(model).initial_states(memory),
    )
    stepped = []
    for t, tokens in enumerate(fed(labels).T):
        scores, states, attention = step(tf.constant(tokens), states)
        stepped.append(log_probabilities(scores, labels[:, t]))
        np.testing.assert_allclose(attention, weights[:, t], atol=1e-4)
    real = labels != 0
    stepped = np.stack(stepped, 1) * real
    np.testing.assert_allclose(stepped, log_probabilities(logits, labels) * real, atol=1e-4)
    total = stepped.sum(1)
    np.testing.assert_allclose(
        sequence_decoder_of(model).log_likelihood(memory, fed(labels), labels), total, atol=1e-4
    )
    losses = model({"source": source, "target": fed(labels), "labels": labels})
    np.testing.assert_allclose(np.mean(losses), -total.sum() / real.sum(), rtol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_padding_and_the_other_rows_change_nothing(form):
    model = model_of(form)
    source, labels = ids(3, 7), ids(2, 9)
    together, _ = sequence_decoder_of(model).teacher_forced(encode(model, source), fed(labels))
    alone, _ = sequence_decoder_of(model).teacher_forced(encode(model, source[:1, :3]), fed(labels)[:1, :2])
    np.testing.assert_allclose(together[:1, :2], alone, atol=1e-5)


def test_no_step_sees_what_it_is_to_write():
    model = model_of(FORMS[1])
    labels = ids(6)
    memory = encode(model, ids(4))
    logits, _ = sequence_decoder_of(model).teacher_forced(memory, fed(labels))
    changed = labels.copy()
    changed[0, 3] = 4 + (changed[0, 3] - 3) % (TOKENS - 4)
    others, _ = sequence_decoder_of(model).teacher_forced(memory, fed(changed))
    moved = np.abs(np.asarray(others) - np.asarray(logits)).max(-1)[0]
    assert not moved[:4].any()
    assert moved[4:].all()


def test_hypotheses_of_one_sentence_share_its_memory():
    model = model_of(FORMS[1])
    source = ids(5, 2)
    shared, repeated = encode(model, source), encode(model, np.repeat(source, 3, 0))
    states = sequence_decoder_of(model).initial_states(repeated)
    tokens = tf.constant(RNG.integers(4, TOKENS, 6), tf.int32)
    one, _, _ = sequence_decoder_of(model).stepper(shared)(tokens, states)
    other, _, _ = sequence_decoder_of(model).stepper(repeated)(tokens, states)
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_every_weight_is_trained():
    model = model_of(FORMS[1])
    labels = ids(6, 3)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(
            model({"source": ids(5, 4), "target": fed(labels), "labels": labels}, training=True)
        )
    variables = model.trainable_variables
    for variable, gradient in zip(variables, tape.gradient(loss, [v.value for v in variables]), strict=True):
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, variable.path


def test_mixed_precision_gives_float32_logits_close_to_full_precision():
    full = model_of(FORMS[0])
    mixed = build(TINY, TOKENS, precision="mixed_bfloat16")
    mixed.set_weights(full.get_weights())
    source, labels = ids(5, 2), ids(4, 6)
    expected, logits = (
        sequence_decoder_of(one).teacher_forced(encode(one, source), fed(labels))[0] for one in (full, mixed)
    )
    assert logits.dtype == tf.float32
    np.testing.assert_allclose(logits, expected, atol=0.05)
