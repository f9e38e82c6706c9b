"""Calibration error follows its definition; a temperature is found where there is one and never does harm."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from common.evaluation.calibration import (
    calibrated,
    can_calibrate,
    confidence_bins,
    expected_calibration_error,
    fit_temperature,
)


def softmax(logits):
    exponents = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponents / exponents.sum(axis=-1, keepdims=True)


def log_loss(logits, labels):
    highest = logits.max(axis=-1)
    log_total = np.log(np.exp(logits - highest[:, None]).sum(axis=-1)) + highest
    return np.mean(log_total - logits[np.arange(len(labels)), labels])


def logits_and_labels(most=20.0):
    shapes = st.tuples(st.integers(1, 12), st.integers(2, 4))
    return shapes.flatmap(
        lambda shape: st.tuples(
            arrays(np.float64, shape, elements=st.floats(-most, most, width=32)),
            arrays(np.int64, shape[0], elements=st.integers(0, shape[1] - 1)),
        )
    )


def drawn_from(logits, seed):
    """Labels drawn with the probabilities that the logits stand for."""
    uniform = np.random.default_rng(seed).random((len(logits), 1))
    return np.minimum((softmax(logits).cumsum(axis=-1) < uniform).sum(axis=-1), logits.shape[1] - 1)


def test_calibration_error_of_a_case_reckoned_by_hand():
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.45, 0.55]])
    labels = [0, 1, 1, 0]
    # Bins of 0.5 to 1 split in two: 0.55 and 0.7 (one of two right), 0.8 and 0.9 (one of two right).
    expected = 2 / 4 * abs(0.5 - 0.625) + 2 / 4 * abs(0.5 - 0.85)
    assert expected_calibration_error(labels, probabilities, bins=4) == pytest.approx(expected)


@given(logits_and_labels(), st.integers(1, 20))
def test_calibration_error_agrees_with_its_definition_written_as_a_loop(data, bins):
    logits, labels = data
    probabilities = softmax(logits)
    borders = np.linspace(0, 1, bins + 1)
    error = 0.0
    for low, high in itertools.pairwise(borders):
        members = [row for row, label in zip(probabilities, labels, strict=True) if low < max(row) <= high]
        hits = [
            np.argmax(row) == label
            for row, label in zip(probabilities, labels, strict=True)
            if low < max(row) <= high
        ]
        if members:
            error += len(members) / len(labels) * abs(np.mean(hits) - np.mean([max(row) for row in members]))
    assert expected_calibration_error(labels, probabilities, bins) == pytest.approx(error, abs=1e-9)


def test_every_prediction_is_in_one_bin_with_the_surest_in_the_last():
    grouped = confidence_bins([0, 1, 0], [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]], bins=10)
    assert grouped.counts.tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0, 2]
    assert grouped.accuracy[[4, 9]].tolist() == [0.0, 0.5]
    assert np.isnan(grouped.confidence[0])


def test_labels_drawn_from_the_probabilities_are_calibrated_and_sharper_ones_are_not():
    logits = np.random.default_rng(0).normal(size=(20_000, 3))
    labels = drawn_from(logits, seed=1)
    assert expected_calibration_error(labels, softmax(logits)) < 0.015
    assert expected_calibration_error(labels, softmax(3 * logits)) > 0.15


@pytest.mark.parametrize("temperature", [0.25, 1.0, 2.5, 8.0])
@pytest.mark.parametrize("classes", [2, 5])
def test_a_known_temperature_is_recovered(temperature, classes):
    honest = np.random.default_rng(2).normal(scale=2, size=(20_000, classes))
    labels = drawn_from(honest, seed=3)
    assert fit_temperature(honest * temperature, labels) == pytest.approx(temperature, rel=0.05)


@given(logits_and_labels())
def test_log_loss_is_never_worse_and_no_other_allowed_temperature_is_better(data):
    logits, labels = data
    temperature = fit_temperature(logits, labels)
    assert 0.05 <= temperature <= 20
    fitted = log_loss(logits / temperature, labels)
    assert fitted <= log_loss(logits, labels) + 1e-9
    for other in np.geomspace(0.05, 20, 30):
        assert fitted <= log_loss(logits / other, labels) + 1e-9


@given(logits_and_labels())
def test_the_predicted_class_stays(data):
    logits, labels = data
    scaled = logits / fit_temperature(logits, labels)
    assert scaled.argmax(axis=-1).tolist() == logits.argmax(axis=-1).tolist()


def test_float32_logits_of_a_network_are_taken_as_they_are():
    logits = np.random.default_rng(4).normal(size=(500, 2)).astype(np.float32)
    assert fit_temperature(logits, np.zeros(500, np.int32)) == pytest.approx(
        fit_temperature(logits.astype(np.float64), np.zeros(500, np.int64))
    )


@pytest.mark.parametrize(
    ("case", "logits", "labels", "expected"),
    [
        ("perfectly separated", [[2.0, -2.0], [-1.0, 1.0]], [0, 1], 0.05),
        ("always wrong", [[2.0, -2.0], [-1.0, 1.0]], [1, 0], 20.0),
        ("nothing to tell apart", [[0.3, 0.3], [0.1, 0.1]], [0, 1], 1.0),
        ("one class only", [[3.0, 0.0], [2.0, 0.0]], [0, 0], 0.05),
        ("huge logits, half wrong", [[1e5, 0.0], [1e5, 0.0]], [0, 1], 20.0),
    ],
)
def test_degenerate_validation_data_keep_the_temperature_in_range(case, logits, labels, expected):
    assert fit_temperature(logits, labels) == pytest.approx(expected), case


@pytest.mark.parametrize("logits", [np.zeros((0, 2)), [[np.nan, 0.0]], [[np.inf, 0.0]]])
def test_no_logits_or_infinite_ones_are_refused(logits):
    with pytest.raises(ValueError, match="finite"):
        fit_temperature(logits, np.zeros(len(logits), int))


def test_no_temperature_is_fitted_on_examples_of_one_class():
    logits = np.array([[3.0, 0.0], [1.0, 0.5], [0.0, 1.0]])
    assert calibrated(logits, [0, 0, 0]) == {"temperature": 1.0, "validation_accuracy": pytest.approx(2 / 3)}
    assert not can_calibrate([1, 1])
    assert can_calibrate([1, 0])
    assert calibrated(logits, [0, 0, 1])["temperature"] == fit_temperature(logits, [0, 0, 1]) != 1.0
