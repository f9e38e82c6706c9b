"""Both decoders of CTC find the same labels, and stand in the table."""

import numpy as np
import pytest

from benchmarks.ctc import OURS, STOCK, Options, check_same_labels, decoders, main, random_logits
from common.errors import UserError

TINY = Options(beam_width=4, batch_size=3, frames=9, symbols=5, rounds=2)


def test_both_find_the_same_labels_of_different_rows() -> None:
    contenders = decoders(random_logits(TINY), TINY.beam_width)
    labels, log_probabilities = contenders[OURS]()
    assert len({tuple(row) for row in labels}) == TINY.batch_size
    assert (log_probabilities < 0).all()
    check_same_labels(contenders)


def test_who_finds_others_or_gives_them_other_probabilities_is_no_contender() -> None:
    labels, certain = np.array([[1, 2], [2, 0]]), np.array([-2.0, -3.0])
    longer = np.array([[1, 2, 3], [2, 0, 0]])
    for other, message in (
        ((longer, certain), "different labels in 1 of 2 rows"),
        ((labels, 2 * certain), "different probabilities"),
    ):
        with pytest.raises(RuntimeError, match=message):
            check_same_labels({OURS: lambda: (labels, certain), STOCK: lambda other=other: other})


def test_each_contender_has_a_line(capsys: pytest.CaptureFixture) -> None:
    main(TINY)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]
    assert [row[0] for row in cells] == [OURS, STOCK]
    assert cells[1][-1] == "1.00"


def test_a_wrong_size_is_named() -> None:
    with pytest.raises(UserError, match="--symbols 1: expected at least 2"):
        Options(symbols=1)
