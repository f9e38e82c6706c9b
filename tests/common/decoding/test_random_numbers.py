"""A random number depends on its seed and position alone, and is as good as chance along both."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from common.decoding.random_numbers import drawn_ahead, uniform_stream

EXTREME_SEEDS = [0, 1, -1, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63), 2**32]
_MASK = 2**64 - 1


def _grid(seeds: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The numbers `[seeds, positions]`."""
    uniform = uniform_stream(tf.constant(np.repeat(seeds, len(positions))))
    numbers = uniform(tf.constant(np.tile(positions, len(seeds)), tf.int32)).numpy()
    return numbers.reshape(len(seeds), len(positions))


def _reference(seed: int, position: int) -> float:
    """SplitMix64 in Python's integers."""

    def mixed(bits: int) -> int:
        bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
        bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB & _MASK
        return bits ^ (bits >> 31)

    gamma = 0x9E3779B97F4A7C15
    state = mixed((seed + gamma) & _MASK)
    return (mixed((state + (position + 1) * gamma) & _MASK) >> 40) / 2**24


def _is_uniform(numbers: np.ndarray) -> bool:
    return stats.kstest(numbers.ravel(), "uniform").pvalue > 1e-3


@pytest.fixture(scope="module")
def neighbours() -> np.ndarray:
    """Numbers of 512 neighbouring seeds around 0 at 512 positions."""
    return _grid(np.arange(-256, 256), np.arange(512))


def test_the_numbers_are_those_of_splitmix64() -> None:
    positions = [0, 1, 2, 1000, 2**31 - 2]
    expected = [[_reference(seed, position) for position in positions] for seed in EXTREME_SEEDS]
    np.testing.assert_array_equal(
        _grid(np.array(EXTREME_SEEDS, np.int64), np.array(positions)), np.float32(expected)
    )


def test_numbers_drawn_ahead_are_those_of_their_positions() -> None:
    seeds = np.array(EXTREME_SEEDS, np.int64)
    first = np.arange(len(seeds)) * 1000
    drawn = drawn_ahead(tf.constant(seeds), tf.constant(first, tf.int32), tf.constant(5)).numpy()
    for step, numbers in enumerate(drawn):
        expected = [_reference(int(seed), int(at) + step) for seed, at in zip(seeds, first, strict=True)]
        np.testing.assert_array_equal(numbers, np.float32(expected))
    assert len(drawn) == 5


def test_int32_and_int64_seeds_give_the_same_numbers() -> None:
    seeds, positions = np.array([-5, 0, 7]), np.arange(4)
    np.testing.assert_array_equal(
        _grid(seeds.astype(np.int32), positions), _grid(seeds.astype(np.int64), positions)
    )


def test_numbers_are_uniform_from_0_to_below_1(neighbours: np.ndarray) -> None:
    assert neighbours.dtype == np.float32
    assert neighbours.min() >= 0
    assert neighbours.max() < 1
    assert _is_uniform(neighbours)


@pytest.mark.parametrize("seed", EXTREME_SEEDS)
def test_the_positions_of_one_seed_are_uniform(seed: int) -> None:
    assert _is_uniform(_grid(np.array([seed], np.int64), np.arange(2000)))


@pytest.mark.parametrize("position", [0, 1, 255, 10**6, 2**31 - 2])
def test_neighbouring_seeds_are_uniform_at_one_position(position: int) -> None:
    assert _is_uniform(_grid(np.arange(-1000, 1000), np.array([position])))


@pytest.mark.parametrize("step", [2**16, 2**31, 2**32, 2**48])
def test_seeds_that_differ_in_high_bits_are_uniform(step: int) -> None:
    assert _is_uniform(_grid(np.arange(-1000, 1000, dtype=np.int64) * step, np.array([0])))


def test_each_seed_and_each_position_is_uniform_on_its_own(neighbours: np.ndarray) -> None:
    for numbers in (neighbours, neighbours.T):
        pvalues = [stats.kstest(row, "uniform").pvalue for row in numbers]
        assert _is_uniform(np.array(pvalues))


@pytest.mark.parametrize(("seeds", "positions"), [(1, 0), (0, 1), (1, 1), (2, 0), (0, 2), (1, -1), (16, 0)])
def test_neighbours_are_independent(neighbours: np.ndarray, seeds: int, positions: int) -> None:
    shifted = np.roll(neighbours, (-seeds, -positions), (0, 1)).ravel()
    numbers = neighbours.ravel()
    # Of so many independent pairs the correlation is normal with standard deviation 1 / sqrt(pairs).
    assert abs(np.corrcoef(numbers, shifted)[0, 1]) * np.sqrt(numbers.size) < 4
    counts, _, _ = np.histogram2d(numbers, shifted, bins=16, range=[[0, 1], [0, 1]])
    assert stats.chisquare(counts.ravel()).pvalue > 1e-3


def test_no_two_neighbouring_seeds_share_a_piece_of_their_streams(neighbours: np.ndarray) -> None:
    pairs = np.stack([neighbours[:, :-1], neighbours[:, 1:]], axis=-1).reshape(-1, 2)
    assert len(np.unique(pairs, axis=0)) == len(pairs)


def test_even_the_lowest_bits_are_balanced(neighbours: np.ndarray) -> None:
    integers = (neighbours.astype(np.float64) * 2**24).astype(np.int64)
    for bit in range(24):
        ones = int((integers >> bit & 1).sum())
        assert stats.binomtest(ones, integers.size).pvalue > 1e-4
