"""All contenders generate greedily in one loop, ours and stock Keras's the same tokens, and all stand in the table."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks.recurrent.generation import (
    OURS,
    OURS_BFLOAT16,
    STOCK,
    Options,
    check_same_tokens,
    generators,
    main,
)
from common.errors import UserError

TINY = Options(units=16, embedding_units=8, vocabulary_size=11, tokens=12, batch_sizes=(1, 3), rounds=2)
FIRST = np.array([1, 5, 9], np.int32)


def test_ours_and_stock_cells_generate_the_same_tokens() -> None:
    keras.utils.set_random_seed(1)
    contenders = generators(TINY)
    tokens = {name: np.asarray(generate(FIRST)) for name, generate in contenders.items()}
    assert {value.shape for value in tokens.values()} == {(3, TINY.tokens)}
    np.testing.assert_array_equal(tokens[OURS], tokens[STOCK])
    # The rows depend on their first tokens, and bfloat16 begins like float32.
    assert len({tuple(row) for row in tokens[OURS]}) == 3
    np.testing.assert_array_equal(tokens[OURS_BFLOAT16][:, 0], tokens[OURS][:, 0])
    check_same_tokens(contenders, FIRST)


def test_a_contender_that_generates_other_tokens_is_no_contender() -> None:
    ours = tf.zeros([3, 4], tf.int32)
    contenders = {OURS: lambda _: ours, STOCK: lambda _: tf.one_hot([0, 0, 0], 4, dtype=tf.int32)}
    with pytest.raises(RuntimeError, match="of the tokens differ"):
        check_same_tokens(contenders, FIRST)


def test_each_contender_has_a_line_for_each_batch_size(capsys: pytest.CaptureFixture) -> None:
    main(TINY)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]
    assert [row[:2] for row in cells] == [
        [size, name] for size in "13" for name in (OURS, OURS_BFLOAT16, STOCK)
    ]
    assert [row[-1] for row in cells if row[1] == STOCK] == ["1.00", "1.00"]


def test_a_wrong_size_is_named() -> None:
    with pytest.raises(UserError, match="--batch-sizes 0: expected at least 1"):
        Options(batch_sizes=(1, 0))
    with pytest.raises(UserError, match="--tokens 0: expected at least 1"):
        Options(tokens=0)
