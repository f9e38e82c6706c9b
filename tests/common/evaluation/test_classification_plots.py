"""Pictures of results are whole for any number of classes, any class name, and data in which a class is missing."""

import numpy as np
import pytest

from common.evaluation.classification_plots import (
    plot_confusion_matrix,
    plot_rejection_curve,
    plot_reliability,
    plot_roc_curves,
)
from common.evaluation.rejection import rejection_curve

pytestmark = pytest.mark.slow

ODD_NAMES = [
    "_unknown_",
    r"$5 \per $6",
    "two\nlines",
    "a name that is much longer than any axis would bear",
    "größer",
]
BLUE, ORANGE = (0, 114, 178), (213, 94, 0)


def case(classes, examples=60):
    generator = np.random.default_rng(classes)
    labels = np.arange(examples) % classes
    scores = np.exp(generator.normal(size=(examples, classes)) + 2 * np.eye(classes)[labels])
    return labels, scores / scores.sum(axis=-1, keepdims=True)


def names_for(classes):
    return [f"{ODD_NAMES[index % len(ODD_NAMES)]} {index}" for index in range(classes)]


@pytest.mark.parametrize("classes", [2, 12, 45])
def test_pictures_of_results_for_few_and_many_classes(tmp_path, classes, picture):
    labels, probabilities = case(classes, examples=3 * classes)
    plot_confusion_matrix(labels, probabilities, names_for(classes), tmp_path / "confusion.png")
    plot_roc_curves(labels, probabilities, names_for(classes), tmp_path / "roc.png")
    plot_reliability(labels, probabilities, tmp_path / "reliability.png")
    for file in tmp_path.iterdir():
        assert picture(file).std() > 0.01
    assert len(list(tmp_path.iterdir())) == 3


def test_data_of_one_class_still_give_their_pictures(tmp_path, picture):
    labels, probabilities = [0, 0], [[0.9, 0.1], [0.2, 0.8]]
    plot_confusion_matrix(labels, probabilities, ["no", "yes"], tmp_path / "confusion.png")
    plot_roc_curves(labels, probabilities, ["no", "yes"], tmp_path / "roc.png")
    plot_reliability(labels, probabilities, tmp_path / "reliability.png")
    assert all(picture(file).size for file in tmp_path.iterdir())


def test_the_confusion_matrix_is_dark_where_the_predictions_are(tmp_path, picture):
    labels = np.array([0, 0, 1, 1])
    pictures = {}
    for name, predicted in (("right", labels), ("wrong", 1 - labels)):
        plot_confusion_matrix(labels, np.eye(2)[predicted], ["a", "b"], tmp_path / f"{name}.png")
        pictures[name] = picture(tmp_path / f"{name}.png").mean(axis=-1)
    height, width = (min(sizes) for sizes in zip(*(p.shape for p in pictures.values()), strict=True))
    darker_if_right = pictures["wrong"][:height, :width] - pictures["right"][:height, :width]
    rows, columns = np.nonzero(darker_if_right > 0.4)
    falling = np.corrcoef(rows, columns)[0, 1]
    assert falling > 0.5, "right predictions lie on the diagonal from the upper left"


def test_the_roc_curve_of_a_good_classifier_lies_higher_than_that_of_a_bad_one(tmp_path, coloured, picture):
    labels = np.array([0, 0, 0, 1, 1, 1])
    heights = {}
    for name, right in (("good", 0.9), ("bad", 0.1)):
        probabilities = np.where(np.eye(2)[labels] == 1, right, 1 - right)
        plot_roc_curves(labels, probabilities, ["no", "yes"], tmp_path / f"{name}.png")
        heights[name] = coloured(picture(tmp_path / f"{name}.png"), BLUE)[0].mean()
    assert heights["good"] < heights["bad"]


def test_the_reliability_diagram_shows_how_far_confidence_is_from_accuracy(tmp_path, coloured, picture):
    labels = np.array([0, 0, 0, 1])
    sizes = {}
    for name, confidence in (("calibrated", 0.75), ("overconfident", 0.99)):
        plot_reliability(labels, [[confidence, 1 - confidence]] * 4, tmp_path / f"{name}.png")
        sizes[name] = len(coloured(picture(tmp_path / f"{name}.png"), ORANGE)[0])
    assert sizes["overconfident"] > 2 * sizes["calibrated"]


def test_along_the_rejection_curve_fewer_false_accepts_cost_more_false_rejects(tmp_path, coloured, picture):
    labels = np.arange(400) % 2
    probability = 1 / (1 + np.exp(np.random.default_rng(0).normal(size=400) - 0.5 * (2 * labels - 1)))
    curve = rejection_curve(np.stack([1 - probability, probability], axis=1), labels, ["_unknown_", "yes"])
    plot_rejection_curve(curve, tmp_path / "rejection.png")
    pixels = picture(tmp_path / "rejection.png")
    down, across = coloured(pixels, BLUE)
    right = across > np.median(across)
    assert np.median(down[right]) > np.median(down[~right]) + 100
    assert len(coloured(pixels, ORANGE)[0]) > 20


@pytest.mark.parametrize("right", [0.0, 1.0])
def test_the_rejection_curve_of_the_best_and_the_worst_recogniser(tmp_path, right, picture):
    probabilities = np.abs(np.eye(2) - 1 + right)
    curve = rejection_curve(probabilities, [0, 1], ["_unknown_", "yes"])
    plot_rejection_curve(curve, tmp_path / "rejection.png")
    assert picture(tmp_path / "rejection.png").std() > 0.01
