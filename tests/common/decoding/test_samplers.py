"""Each adjustment against its definition in NumPy, each choice against its distribution."""

from collections.abc import Sequence

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import special, stats

from common.decoding.generate import Choose, Moment
from common.decoding.samplers import (
    Adjust,
    compose,
    forbid,
    greedy,
    repetition_penalty,
    sample,
    temperature,
    truncate,
)

VOCABULARY = 7
NEVER = -np.inf
LOGITS = np.random.default_rng(0).normal(scale=2, size=(4, VOCABULARY)).astype(np.float32)


def _floats(*values: float) -> tf.Tensor:
    return tf.constant(values, tf.float32)


def _moment(rows: int, position: int = 0, seen: np.ndarray | None = None) -> Moment:
    return Moment(tf.fill([rows], position), None if seen is None else tf.constant(seen))


def _adjusted(adjust: Adjust, logits: np.ndarray, seen: np.ndarray | None = None) -> np.ndarray:
    return adjust(tf.constant(logits, tf.float32), _moment(len(logits), seen=seen)).numpy()


def _choices(choose: Choose, logits: Sequence[float], rows: int) -> np.ndarray:
    """Tokens of `rows` equal rows; as `sample`'s seeds are 0, 1, ... each row is a draw of its own."""
    return choose(tf.tile(_floats(*logits)[None], [rows, 1]), _moment(rows)).numpy()


def _truncated(logits: np.ndarray, top_k: Sequence[int], top_p: Sequence[float]) -> np.ndarray:
    """The definition, token by token in order of probability; of equals the lower number comes first."""
    result = np.full_like(logits, NEVER)
    for row, k, p in zip(range(len(logits)), top_k, top_p, strict=True):
        ranked = sorted(range(logits.shape[1]), key=lambda token: (-logits[row, token], token))
        ranked = ranked[:k] if k > 0 else ranked
        probabilities = special.softmax(logits[row, ranked].astype(np.float64))
        mass = 0.0
        for token, probability in zip(ranked, probabilities, strict=True):
            result[row, token] = logits[row, token]
            mass += probability
            if p < 1 and mass >= p:
                break
    return result


def test_greedy_takes_the_most_probable_and_of_several_the_first() -> None:
    np.testing.assert_array_equal(greedy(_floats(1, 3, 2, 3)[None], _moment(1)), [1])
    np.testing.assert_array_equal(greedy(tf.constant(LOGITS), _moment(4)), LOGITS.argmax(-1))


def test_temperature_divides_each_rows_logits_by_its_own() -> None:
    values = np.array([0.5, 1.0, 2.0, 0.1])
    probabilities = special.softmax(_adjusted(temperature(_floats(*values)), LOGITS), axis=-1)
    np.testing.assert_allclose(probabilities, special.softmax(LOGITS / values[:, None], axis=-1), rtol=2e-5)


def test_temperature_0_keeps_the_first_of_the_most_probable_alone() -> None:
    logits = np.array([[1, 3, 2, 3], [1, 3, 2, 3]])
    adjusted = _adjusted(temperature(_floats(0, 1)), logits)
    np.testing.assert_array_equal(adjusted[0] > NEVER, [False, True, False, False])
    np.testing.assert_allclose(special.softmax(adjusted[1]), special.softmax(logits[1]), rtol=1e-6)


@pytest.mark.parametrize("value", [1e-45, 1e-38, 1e-6, 1e6, 1e38, np.inf])
def test_at_any_temperature_there_are_probabilities_and_none_for_a_forbidden_token(value: float) -> None:
    adjusted = _adjusted(temperature(_floats(value)), np.array([[5.0, NEVER, 80.0, -3e4]]))
    probabilities = special.softmax(adjusted[0])
    np.testing.assert_allclose(
        probabilities, [0, 0, 1, 0] if value < 1 else [1 / 3, 0, 1 / 3, 1 / 3], atol=0.01
    )
    assert probabilities[1] == 0


@pytest.mark.parametrize("top_p", [1.0, 0.999, 0.9, 0.5, 0.1, 0.0, -1.0])
@pytest.mark.parametrize("top_k", [0, -1, 1, 3, VOCABULARY, 100])
def test_truncation_is_by_rank_and_then_by_mass(top_k: int, top_p: float) -> None:
    adjusted = _adjusted(truncate(tf.fill([4], top_k), tf.fill([4], top_p)), LOGITS)
    np.testing.assert_array_equal(adjusted, _truncated(LOGITS, [top_k] * 4, [top_p] * 4))
    assert (np.isfinite(adjusted).sum(-1) >= 1).all()


@given(data=st.data(), vocabulary=st.integers(1, 12), rows=st.integers(1, 3))
@settings(max_examples=60)
def test_each_row_is_truncated_by_its_own_values_ties_and_all(data, vocabulary: int, rows: int) -> None:
    logits = data.draw(
        arrays.arrays(np.float32, (rows, vocabulary), elements=st.sampled_from([-2.0, 0.0, 0.5, 3.0]))
    )
    top_k = data.draw(st.lists(st.integers(0, 14), min_size=rows, max_size=rows))
    # Shares that no sum of these probabilities comes near, so that rounding cannot decide.
    top_p = data.draw(st.lists(st.sampled_from([0.0311, 0.5007, 0.9003, 1.0]), min_size=rows, max_size=rows))
    adjusted = _adjusted(truncate(tf.constant(top_k), _floats(*top_p)), logits)
    np.testing.assert_array_equal(adjusted, _truncated(logits, top_k, top_p))


def test_of_equally_probable_tokens_the_lower_numbers_stay() -> None:
    logits = np.zeros((2, 4))
    adjusted = _adjusted(truncate(tf.constant([3, 0]), _floats(1, 0.49)), logits)
    np.testing.assert_array_equal(adjusted > NEVER, [[True, True, True, False], [True, True, False, False]])


def test_a_row_that_keeps_all_does_so_beside_rows_that_truncate() -> None:
    top_k, top_p = [2, 0, 1, 3], [1.0] * 4
    adjusted = _adjusted(truncate(tf.constant(top_k), _floats(*top_p)), LOGITS)
    np.testing.assert_array_equal(adjusted, _truncated(LOGITS, top_k, top_p))


def test_a_nucleus_wider_than_the_head_that_is_sorted_first_is_whole() -> None:
    logits = np.random.default_rng(1).normal(scale=0.5, size=(3, 3000)).astype(np.float32)
    top_k, top_p = [0, 5, 0], [0.95, 0.9, 1.0]
    adjusted = _adjusted(truncate(tf.constant(top_k), _floats(*top_p)), logits)
    expected = _truncated(logits, top_k, top_p)
    assert np.isfinite(expected[0]).sum() > 1000
    # The last token of the nucleus is a matter of rounding here.
    assert (np.isfinite(adjusted) != np.isfinite(expected)).sum() <= 1
    alone = _adjusted(truncate(tf.constant(top_k[:1]), _floats(*top_p[:1])), logits[:1])
    np.testing.assert_array_equal(adjusted[0], alone[0])


def test_truncation_brings_no_forbidden_token_back() -> None:
    adjusted = _adjusted(truncate(tf.constant([5, 0]), _floats(1, 0.9999)), np.array([[1, NEVER, NEVER]] * 2))
    np.testing.assert_array_equal(adjusted, [[1, NEVER, NEVER]] * 2)


def test_the_penalty_divides_positive_and_multiplies_negative_logits_of_seen_tokens() -> None:
    logits = np.array([[2.0, -2.0, 2.0, -2.0], [2.0, -2.0, NEVER, 0.0]])
    seen = np.array([[True, True, False, False], [True, False, True, True]])
    adjusted = _adjusted(repetition_penalty(_floats(2.0, 1.0)), logits, seen)
    np.testing.assert_array_equal(adjusted, [[1, -4, 2, -2], [2, -2, NEVER, 0]])


def test_a_penalty_without_a_history_is_refused() -> None:
    with pytest.raises(ValueError, match="seen=seen_tokens"):
        _adjusted(repetition_penalty(_floats(2.0)), LOGITS[:1])


@pytest.mark.parametrize("tokens", [[], [1], [0, 6]])
def test_forbidden_tokens_become_impossible_and_others_stay(tokens: list[int]) -> None:
    expected = LOGITS.copy()
    expected[:, tokens] = NEVER
    np.testing.assert_array_equal(_adjusted(forbid(tokens), LOGITS), expected)


@pytest.mark.parametrize("vocabulary", [5, 700])
def test_samples_have_the_frequencies_of_the_softmax(vocabulary: int) -> None:
    rows = 40_000
    logits = np.random.default_rng(2).normal(size=vocabulary)
    counts = np.bincount(_choices(sample(tf.range(rows)), logits, rows), minlength=vocabulary)
    assert stats.chisquare(counts, rows * special.softmax(logits)).pvalue > 1e-3


def test_samples_of_one_seed_along_its_positions_have_the_frequencies_of_the_softmax() -> None:
    rows, logits = 20_000, np.array([0.0, 1.0, 2.0], np.float32)
    choose = sample(tf.fill([rows], 3))
    tokens = choose(tf.constant(np.tile(logits, (rows, 1))), Moment(tf.range(rows), None))
    assert (
        stats.chisquare(np.bincount(tokens), rows * special.softmax(logits.astype(np.float64))).pvalue > 1e-3
    )


@pytest.mark.parametrize("vocabulary", [64, 1000])
def test_an_impossible_token_is_never_drawn(vocabulary: int) -> None:
    """Impossible tokens stand first, last and between; rounding of the sums must never land on one."""
    rows = 20_000
    logits = np.full(vocabulary, NEVER)
    possible = np.arange(1, vocabulary - 1, 3)
    logits[possible] = np.random.default_rng(3).normal(scale=4, size=len(possible))
    tokens = _choices(sample(tf.range(rows)), logits, rows)
    assert set(tokens) <= set(possible)
    logits[possible[1:]] = NEVER
    assert set(_choices(sample(tf.range(100)), logits, 100)) == {possible[0]}


@pytest.mark.parametrize("vocabulary", [6, 1000])
@pytest.mark.parametrize("number", [0.0, 2**-24, 0.5, 1 - 2**-24])
def test_the_least_and_the_greatest_random_number_draw_a_possible_token(
    monkeypatch: pytest.MonkeyPatch, number: float, vocabulary: int
) -> None:
    monkeypatch.setattr(
        "common.decoding.samplers.uniform_stream",
        lambda seeds: lambda position: tf.fill(tf.shape(seeds), number),
    )
    logits = np.random.default_rng(4).normal(scale=9, size=(50, vocabulary)).astype(np.float32)
    logits[:, [0, 2, -1]] = NEVER
    tokens = sample(tf.zeros([50], tf.int32))(tf.constant(logits), _moment(50)).numpy()
    assert np.isfinite(logits[np.arange(50), tokens]).all()


def test_adjustments_apply_in_their_order_before_the_choice() -> None:
    logits = np.array([[4.0, 3.9, 1.0, 0.0]])
    seen = np.array([[True, False, False, False]])
    penalised = repetition_penalty(_floats(2.0))
    cold, two = temperature(_floats(0.0)), truncate(tf.constant([2]), _floats(1.0))

    def token(*adjustments: Adjust) -> int:
        choose = compose(*adjustments, choose=greedy)
        return int(choose(tf.constant(logits, tf.float32), _moment(1, seen=seen))[0])

    assert token() == 0
    assert token(penalised) == 1
    assert token(penalised, forbid([1])) == 0
    # Once the others are impossible, no penalty makes them possible again.
    assert token(cold, penalised) == 0
    assert token(penalised, forbid([0, 1]), two) == 2


def test_a_composition_draws_from_the_composed_distribution() -> None:
    rows = 30_000
    logits = np.array([[2.0, 1.8, 1.5, 0.3, 0.2, 0.1, -1.0]], np.float32)
    choose = compose(
        forbid([1]),
        temperature(tf.fill([rows], 0.7)),
        truncate(tf.fill([rows], 4), tf.fill([rows], 0.93)),
        choose=sample(tf.range(rows)),
    )
    allowed = logits.copy()
    allowed[:, 1] = NEVER
    expected = special.softmax(_truncated(allowed / 0.7, [4], [0.93])[0].astype(np.float64))
    counts = np.bincount(_choices(choose, logits[0], rows), minlength=VOCABULARY)
    possible = expected > 0
    assert 1 < possible.sum() < 4
    assert counts[~possible].sum() == 0
    assert stats.chisquare(counts[possible], rows * expected[possible]).pvalue > 1e-3


def test_greedy_rows_and_sampling_rows_share_a_batch() -> None:
    rows = 1000
    temperatures = np.where(np.arange(rows) % 2, 1.0, 0.0)
    choose = compose(temperature(_floats(*temperatures)), choose=sample(tf.range(rows)))
    tokens = _choices(choose, [1.0, 1.1, 0.9], rows)
    assert set(tokens[::2]) == {1}
    assert set(tokens[1::2]) == {0, 1, 2}
