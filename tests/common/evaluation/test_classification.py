"""Metrics follow their textbook definitions, also where a class is missing; mistakes are listed, worst first."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.evaluation.classification import classification_metrics, worst_mistakes, write_worst_mistakes
from common.text.tables import read_columns

SENTIMENT = ["negative", "positive"]


def random_case(seed, examples=200, classes=3):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, examples)
    scores = np.exp(generator.normal(size=(examples, classes)) + np.eye(classes)[labels])
    return labels, scores / scores.sum(axis=-1, keepdims=True)


def area_by_pairs(positive, scores):
    """Share of (positive, negative) pairs in which the positive one has the higher score; ties count half."""
    pairs = [(a, b) for a in scores[positive] for b in scores[~positive]]
    return np.mean([1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs])


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_metrics_follow_their_definitions(classes):
    labels, probabilities = random_case(seed=classes, classes=classes)
    names = [f"class {index}" for index in range(classes)]
    metrics = classification_metrics(labels, probabilities, names)
    predicted = probabilities.argmax(axis=-1)
    scores = []
    for index, name in enumerate(names):
        hits = np.sum((predicted == index) & (labels == index))
        precision, recall = hits / np.sum(predicted == index), hits / np.sum(labels == index)
        scores.append(2 * precision * recall / (precision + recall))
        expected = {"precision": precision, "recall": recall, "f1": scores[-1]}
        row = metrics["per_class"][name]
        assert {key: row[key] for key in expected} == pytest.approx(expected)
        assert row["support"] == np.sum(labels == index)
    curves = [1] if classes == 2 else range(classes)
    areas = [area_by_pairs(labels == index, probabilities[:, index]) for index in curves]
    assert metrics["examples"] == 200
    assert metrics["accuracy"] == pytest.approx(np.mean(predicted == labels))
    assert metrics["macro_f1"] == pytest.approx(np.mean(scores))
    assert metrics["roc_auc"] == pytest.approx(np.mean(areas))
    assert metrics["log_loss"] == pytest.approx(-np.mean(np.log(probabilities[np.arange(200), labels])))
    assert 0 < metrics["expected_calibration_error"] < 1


def test_keys_are_the_names_of_the_field():
    labels, probabilities = random_case(seed=0, classes=2)
    assert list(classification_metrics(labels, probabilities, SENTIMENT)) == [
        "examples",
        "accuracy",
        "macro_f1",
        "roc_auc",
        "log_loss",
        "expected_calibration_error",
        "per_class",
    ]


@pytest.mark.parametrize("absent", [0, 1, 2])
def test_a_class_without_examples_leaves_roc_auc_undefined_and_the_rest_defined(absent):
    labels, probabilities = random_case(seed=1)
    kept = labels != absent
    metrics = classification_metrics(labels[kept], probabilities[kept], ["a", "b", "c"])
    assert metrics["roc_auc"] is None
    assert metrics["per_class"]["abc"[absent]]["support"] == 0
    assert metrics["per_class"]["abc"[absent]]["recall"] == 0
    assert math.isfinite(metrics["log_loss"])
    assert math.isfinite(metrics["macro_f1"])


def test_a_class_that_neither_labels_nor_predictions_hold_does_not_lower_macro_f1():
    probabilities = [[0.8, 0.2, 0.0], [0.3, 0.7, 0.0]]
    assert classification_metrics([0, 1], probabilities, ["a", "b", "never"])["macro_f1"] == 1


def test_one_example_and_a_sure_mistake_give_finite_values():
    metrics = classification_metrics([1], [[1.0, 0.0]], SENTIMENT)
    assert metrics["accuracy"] == 0
    assert metrics["roc_auc"] is None
    assert 15 < metrics["log_loss"] < 100


def test_probabilities_of_a_float32_softmax_are_taken_without_complaint():
    labels, probabilities = random_case(seed=2, classes=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rounded = classification_metrics(labels.astype(np.int32), probabilities.astype(np.float32), SENTIMENT)
    exact = classification_metrics(labels, probabilities, SENTIMENT)
    assert rounded["log_loss"] == pytest.approx(exact["log_loss"], abs=1e-6)


def test_nothing_to_measure_is_said():
    with pytest.raises(ValueError, match="no examples"):
        classification_metrics([], np.zeros((0, 2)), SENTIMENT)


@pytest.mark.parametrize(
    ("labels", "probabilities", "names"),
    [
        ([0], [[0.5, 0.5], [0.5, 0.5]], SENTIMENT),
        ([0], [[0.2, 0.3, 0.5]], SENTIMENT),
        ([2], [[0.5, 0.5]], SENTIMENT),
        ([-1], [[0.5, 0.5]], SENTIMENT),
        ([0], [[np.nan, 0.5]], SENTIMENT),
        ([0], [[-0.5, 1.5]], SENTIMENT),
        ([0], [[0.0, 0.0]], SENTIMENT),
        ([0], [[0.5, 0.5]], ["same", "same"]),
    ],
)
def test_arrays_that_do_not_fit_are_refused(labels, probabilities, names):
    with pytest.raises(ValueError, match=r"expected|probability"):
        classification_metrics(labels, probabilities, names)


def test_worst_mistakes_are_wrong_predictions_by_rising_probability_of_their_label():
    labels, probabilities = random_case(seed=3)
    wrong = [index for index in range(200) if probabilities[index].argmax() != labels[index]]
    expected = sorted(wrong, key=lambda index: probabilities[index, labels[index]])
    assert len(wrong) > 10
    assert worst_mistakes(labels, probabilities, 10).tolist() == expected[:10]
    assert worst_mistakes(labels, probabilities, 1000).tolist() == expected


def test_no_mistakes_give_a_table_with_only_its_header(tmp_path):
    write_worst_mistakes(tmp_path / "m.tsv", ["fine"], [0], [[0.9, 0.1]], SENTIMENT)
    assert (tmp_path / "m.tsv").read_text("utf-8") == "text\tlabel\tpredicted\tlabel_probability\n"


@given(text=st.text(st.characters(codec="utf-8"), max_size=40))
def test_table_of_mistakes_reads_back_whatever_the_text(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("mistakes") / "worst.tsv"
    texts = ["right", f"worst\t{text}\r\nend", f"bad {text}."]
    probabilities = [[0.9, 0.1], [0.75, 0.25], [0.6, 0.4]]
    write_worst_mistakes(path, texts, [0, 1, 1], probabilities, SENTIMENT)
    rows = [row.values for row in read_columns(path, ("text", "label", "predicted", "label_probability"))]
    assert rows == [
        (" ".join(f"worst {text} end".split()), "positive", "negative", "0.250000"),
        (" ".join(f"bad {text}.".split()), "positive", "negative", "0.400000"),
    ]
