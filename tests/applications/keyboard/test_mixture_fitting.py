"""The fitted weights are those under which the words were drawn."""

import numpy as np
import pytest

from applications.keyboard.mixture_fitting import Collected, fit


def drawn(words, coefficients, seed, features=2):
    """Words that one of three experts chose, by known coefficients `[2, features]`."""
    rng = np.random.default_rng(seed)
    situation = np.concatenate([np.ones((words, 1)), rng.normal(size=(words, features - 1))], axis=1)
    distributions = rng.dirichlet(np.full(20, 0.2), size=(words, 3))
    weights = np.exp(np.concatenate([np.zeros((words, 1)), situation @ np.transpose(coefficients)], axis=1))
    knows = rng.random((words, 3)) < [1.0, 0.8, 0.9]
    weights = np.where(knows, weights, 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    mixtures = np.einsum("we,wen->wn", weights, distributions)
    typed = (rng.random((words, 1)) > mixtures.cumsum(axis=1)).sum(axis=1).clip(max=19)
    probabilities = np.where(knows, distributions[np.arange(words), :, typed], 0.0)
    return Collected(probabilities, situation, knows), mixtures[np.arange(words), typed]


@pytest.mark.parametrize("coefficients", [[[-1.0, 0.8], [0.3, -0.6]], [[0.0, 0.0], [-2.0, 1.0]]])
def test_a_known_mixture_is_found_again(coefficients):
    collected, _ = drawn(60_000, coefficients, seed=1)
    fitted = fit(collected)
    np.testing.assert_allclose([fitted.cache, fitted.counts], coefficients, atol=0.08)


def test_the_fitted_mixture_is_as_good_on_other_words_as_the_true_one():
    coefficients = [[-1.0, 0.8], [0.3, -0.6]]
    collected, truth = drawn(20_000, coefficients, seed=2)
    assert fit(collected).nats == pytest.approx(-np.log(truth).mean(), abs=0.001)


def test_an_expert_that_is_always_right_gets_nearly_all_the_weight():
    words = 500
    probabilities = np.tile([0.01, 0.02, 1.0], (words, 1))
    fitted = fit(Collected(probabilities, np.ones((words, 1)), np.ones((words, 3), bool)))
    assert fitted.counts[0] > 3 > fitted.cache[0]
    assert fitted.nats < 0.1


def test_features_of_very_different_size_do_no_harm():
    collected, _ = drawn(20_000, [[-1.0, 0.8], [0.3, -0.6]], seed=3)
    scaled = collected._replace(features=collected.features * [1.0, 40.0])
    assert fit(scaled).nats == pytest.approx(fit(collected).nats, abs=1e-3)


def test_nothing_collected_is_an_error():
    with pytest.raises(ValueError, match="expected words"):
        fit(Collected(np.zeros((0, 3)), np.zeros((0, 2)), np.zeros((0, 3), bool)))
