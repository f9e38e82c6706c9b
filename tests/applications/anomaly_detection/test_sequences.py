"""A table of sequences, such as heartbeats: a stream that read normal ones tells strange ones from others."""

import json

import numpy as np
import pandas as pd
import pytest

from applications.anomaly_detection.evaluate import Options, main
from applications.anomaly_detection.sequence_evaluation import HISTORY, sequence_metrics, sequence_scores
from applications.anomaly_detection.sequences import Sequences, read_sequences
from common.errors import FlagError, UserError
from common.series.reading_tables import ReadingSource

ROWS, NORMAL, STRANGE = 24, HISTORY + 6, 5


def beats():
    """Waves; those labelled 2 have a spike in the middle."""
    rng = np.random.default_rng(0)
    waves = np.sin(np.arange(ROWS) * 2 * np.pi / ROWS) + rng.normal(0, 0.05, (NORMAL + STRANGE, ROWS))
    waves[-STRANGE:, ROWS // 2] += 4
    table = pd.DataFrame(waves, columns=[f"t{place}" for place in range(ROWS)]).sample(
        frac=1, axis=1, random_state=0
    )
    return table.assign(label=np.repeat([1, 2], [NORMAL, STRANGE]))


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "beats.csv"
    beats().to_csv(path, index=False)
    return path


def test_a_sequence_is_read_in_the_order_of_the_numbers_of_its_columns(table):
    sequences = read_sequences(ReadingSource(data=str(table)), "1")
    expected = beats()[[f"t{place}" for place in range(ROWS)]]
    np.testing.assert_allclose(sequences.values, expected, rtol=1e-5)
    assert sequences.is_normal.tolist() == [True] * NORMAL + [False] * STRANGE
    assert sequences.describe() == f"{table}: 41 sequences of 24 readings, 5 of them anomalous"


def test_a_sequence_that_lacks_a_reading_is_left_out_and_counted(tmp_path):
    path = tmp_path / "beats.csv"
    table = beats()
    table.loc[3, "t7"] = np.nan
    table.to_csv(path, index=False)
    sequences = read_sequences(ReadingSource(data=str(path)), "1")
    assert (len(sequences.values), sequences.left_out) == (NORMAL + STRANGE - 1, {"a reading is missing": 1})


@pytest.mark.parametrize(
    ("change", "label", "message"),
    [
        (
            lambda table: table,
            "7",
            "no whole sequence with label 7; expected --normal-label to be one of 1, 2",
        ),
        (lambda table: table.drop(columns="label"), "1", "24 numbered columns and no column of labels"),
        (
            lambda table: table[["label", "t1", "t2"]],
            "1",
            "2 numbered columns and a column of labels; expected a",
        ),
        (lambda table: table.assign(t3="high"), "1", "line 2: 'high' in reading column 't3' is no number"),
    ],
)
def test_a_table_that_is_none_of_sequences_is_one_line(tmp_path, change, label, message):
    path = tmp_path / "beats.csv"
    change(beats()).to_csv(path, index=False)
    with pytest.raises(UserError, match=message) as raised:
        read_sequences(ReadingSource(data=str(path)), label)
    assert str(raised.value).startswith(str(path))


def test_futures_of_a_stream_are_judged_each_as_if_it_alone_had_followed(predictor):
    rng = np.random.default_rng(0)
    before, after = rng.normal(size=40), rng.normal(size=(3, 10, 1))
    times = 10**9 + 300 * np.arange(50)
    stream = predictor.stream()
    for time, value in zip(times[:40], before, strict=True):
        stream.read(time, [value])
    told = stream.continued(times[40:], after)
    for row, future in enumerate(after):
        alone = predictor.stream()
        for time, value in zip(times[:40], before, strict=True):
            alone.read(time, [value])
        expected = [
            alone.read(time, value)["severity"] for time, value in zip(times[40:], future, strict=True)
        ]
        np.testing.assert_allclose(told["severity"][row], expected, atol=1e-5)
    np.testing.assert_allclose(stream.continued(times[40:], after)["severity"], told["severity"])


def test_sequences_with_a_spike_are_told_from_those_without_and_the_report_is_written(
    exported, in_process, table, tmp_path
):
    flags = ("--data", table, "--normal-label", "1", "--output", tmp_path / "report")
    assert in_process(main, Options, "--model", exported, *flags).status == 0
    metrics = json.loads((tmp_path / "report" / "metrics.json").read_text("utf-8"))
    assert metrics["auroc"] == 1
    assert (metrics["normal"], metrics["anomalous"]) == (NORMAL - HISTORY, STRANGE)
    assert len(pd.read_csv(tmp_path / "report" / "sequences.csv")) == NORMAL - HISTORY + STRANGE


def test_the_area_is_the_share_of_pairs_in_the_right_order():
    values = np.arange(4, dtype=np.float32)[:, None] * np.ones((4, ROWS), np.float32)
    judged = Sequences("made", values, np.array([True, False, True, False]))
    told = {"error": np.array([1.0, 2.0, 3.0, 4.0]), "severity": np.array([4.0, 3.0, 2.0, 1.0])}
    metrics = sequence_metrics(told, np.zeros((2, ROWS), np.float32), judged)
    assert (metrics["auroc"], metrics["auroc_of_severity"]) == (0.75, 0.25)
    assert metrics["simple_rules"]["distance to the mean of the history"]["auroc"] == 0.75


def test_the_first_tenth_of_a_sequence_is_not_judged(predictor):
    history = np.tile(np.sin(np.arange(ROWS) * 2 * np.pi / ROWS), (3, 1)).astype(np.float32)
    jump, spike = history[:1].copy(), history[:1].copy()
    jump[0, 0] += 50
    spike[0, 12] += 50
    told = sequence_scores(predictor, history, np.concatenate([history[:1], jump, spike]))
    assert told["error"][2] > told["error"][1]
    assert told["error"][2] > 25 > told["error"][0]


def test_flags_that_sequences_have_no_use_for_are_refused():
    with pytest.raises(FlagError, match="--normal-label 1: sequences have a history of their own"):
        Options(normal_label="1", alarms_per_week=2)
