"""Classes of few examples can be made to count as much as the others, and what validation lacks is said."""

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.utils.class_weight import compute_class_weight

from common.training.classes import balanced_weights, tell_of_classes, weighted
from common.training.losses import smoothed_cross_entropy


@pytest.mark.parametrize("targets", [[0, 0, 0, 1], [2, 0, 1, 1, 1, 1, 0, 2, 1], [0] * 95 + [1] * 5])
def test_balanced_weights_are_those_of_scikit_learn(targets):
    expected = compute_class_weight("balanced", classes=np.unique(targets), y=targets)
    np.testing.assert_allclose(balanced_weights(targets, max(targets) + 1), expected, rtol=1e-6)


def test_a_class_without_examples_has_no_weight_and_takes_none_from_the_others():
    weights = balanced_weights([0, 2, 2, 2], 4)
    np.testing.assert_allclose(
        weights[[0, 2]], compute_class_weight("balanced", classes=np.array([0, 2]), y=[0, 2, 2, 2])
    )
    assert weights[[1, 3]].tolist() == [0, 0]


@pytest.mark.parametrize("shape", [(5,), (5, 1), (3, 4)])
def test_the_loss_of_each_example_is_times_its_classs_weight(shape):
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=shape)
    rows = shape[:-1] if shape[-1] == 1 else shape
    logits, weights = rng.normal(size=(*rows, 3)).astype(np.float32), np.array([0.5, 1.0, 4.0], np.float32)
    of_label = np.take_along_axis(log_softmax(logits, -1), labels.reshape(*rows, 1), -1)[..., 0]
    loss = weighted(smoothed_cross_entropy(0.0), weights)
    np.testing.assert_allclose(loss(labels, logits), -of_label * weights[labels.reshape(rows)], rtol=1e-4)


def test_classes_that_validation_lacks_are_named_in_one_line_of_warning(capsys):
    tell_of_classes(["joy"] * 9 + ["rage"] + ["fear"] * 2, ["joy"], "balanced")
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "warning: validation has no example of 'fear' (2 in training), 'rage' (1 in training): what is measured on it "
        "says nothing of these classes\n"
    )
    many = [f"class {index:02d}" for index in range(40)]
    tell_of_classes([*many, "joy"], ["joy"], "balanced")
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "'class 11' (1 in training) and 28 other classes" in err
    tell_of_classes(["joy", "rage"], ["rage", "joy"], "balanced")
    assert capsys.readouterr() == ("", "")


def test_class_weights_are_offered_where_one_class_has_far_more_examples(capsys):
    labels = ["pos"] * 380 + ["neg"] * 20
    tell_of_classes(labels, labels, "none")
    assert "'pos' has 19 times as many examples as 'neg'; --class-weights balanced" in capsys.readouterr().out
    tell_of_classes(labels, labels, "balanced")
    tell_of_classes(labels, labels, "none", balanced=["pos"])
    assert capsys.readouterr() == ("", "")
