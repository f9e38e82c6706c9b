"""The same rows are answered in all ways, and each way stands in the table with what it cost."""

import pytest

from benchmarks.scale_out import scoring
from benchmarks.scale_out.scoring import BEAM, PARTS, PLAIN, Cost, Options, main, require_equal, sentences_of
from common.errors import UserError


def test_texts_are_cut_into_sentences():
    assert list(sentences_of(["One. Two!<br /><br />Three? ", "", "four"])) == [
        "One.",
        "Two!",
        "Three?",
        "four",
    ]


@pytest.mark.parametrize(
    "labels", [{"1": "good", "2": "good"}, {"1": "good"}, {"1": "good", "2": "bad", "3": "bad"}]
)
def test_another_label_a_lost_row_and_one_too_many_are_told(labels):
    with pytest.raises(UserError, match="Beam: "):
        require_equal({PLAIN: {"1": "good", "2": "bad"}, BEAM: labels})


def test_each_way_has_a_line(monkeypatch, capsys, tmp_path):
    def measured(arguments):
        return costs.pop(0)

    costs = [Cost(10.0, 100.0), Cost(12.0, 110.0), Cost(15.0, 120.0)]
    monkeypatch.setattr(scoring, "measured", measured)
    monkeypatch.setattr(scoring, "labels_of", lambda output: {})
    known = scoring.ways(tmp_path, 2)
    monkeypatch.setattr(scoring, "ways", lambda rows, shards: {PLAIN: [], PARTS: [], BEAM: []})
    main(Options(rows=30))
    assert {PLAIN, PARTS} <= known.keys()
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]
    assert cells == [
        [PLAIN, "10.0", "3", "1.00", "100"],
        [PARTS, "12.0", "2", "1.20", "110"],
        [BEAM, "15.0", "2", "1.50", "120"],
    ]


def test_both_files_and_parts_are_answered_alike():
    main(Options(rows=40, shards=2))
