"""The made machines run well where nothing is labelled, and are faulty where and how it is said."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from applications.anomaly_detection.faults import KINDS, draw_faults
from applications.anomaly_detection.machines import MACHINES, ROWS_OF_DAY
from applications.anomaly_detection.sample import LIVES, Options, main, sample, sample_lives
from common.errors import UserError
from common.series.reading_sources import load_readings, parts_in
from common.series.reading_tables import ReadingSource

PARTS = ("train", "validation", "test")
WEEKS = {"train": 4, "validation": 2, "test": 4}


@pytest.fixture(scope="module")
def parts():
    return {part: sample(part) for part in PARTS}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_of_eight_machines_at_five_minutes_with_gaps(parts, part):
    readings = parts[part]
    assert [one.name for one in readings.recordings] == [machine.name for machine in MACHINES]
    assert readings.is_labelled
    for one in readings.recordings:
        steps = np.diff(one.times)
        assert np.median(steps) == 300
        assert (steps % 300 == 0).all()
        assert 300 < steps.max() <= 9 * 3600
        assert one.times[-1] - one.times[0] == pytest.approx(WEEKS[part] * 7 * 86_400, abs=86_400)
        assert one.values.shape == (len(one), 3)
        assert 0 < np.isnan(one.values).mean() < 0.05


def test_parts_follow_one_another_and_are_the_same_each_time(parts):
    for earlier, later in pairwise(PARTS):
        for one, other in zip(parts[earlier].recordings, parts[later].recordings, strict=True):
            assert one.times[-1] < other.times[0]
    again = sample("test")
    for one, other in zip(parts["test"].recordings, again.recordings, strict=True):
        np.testing.assert_array_equal(one.values, other.values)
        np.testing.assert_array_equal(one.windows, other.windows)


def test_training_is_on_normal_rows_and_all_kinds_of_faults_are_measured(parts):
    assert sum(len(one.windows) for one in parts["train"].recordings) == 0
    for part, least in (("validation", 2), ("test", 4)):
        kinds = [kind for one in parts[part].recordings for kind in one.kinds]
        assert set(kinds) == set(KINDS)
        assert min(map(kinds.count, KINDS)) >= least
    for one in parts["test"].recordings:
        assert len(one.windows) == len(one.kinds) == len(set(one.kinds)) == 4
        days = np.diff(one.times[one.windows[:, 0]])
        assert (days > 86_400).all()
    quiet = {machine.name for machine in MACHINES if not machine.has_season}
    assert not any("lost season" in one.kinds for one in parts["test"].recordings if one.name in quiet)


def windows_of_kind(readings, kind):
    """The values of each window of a kind, and those of the day before it."""
    for one in readings.recordings:
        for (first, last), own in zip(one.windows, one.kinds, strict=True):
            if own == kind:
                yield one.values[first : last + 1], one.values[first - ROWS_OF_DAY + 1 : first]


def changes(values):
    """The median change from row to row of each sensor."""
    return np.nanmedian(np.abs(np.diff(values, axis=0)), axis=0)


def test_each_kind_of_fault_looks_like_itself(parts):
    test = parts["test"]
    for inside, before in windows_of_kind(test, "flat line"):
        assert ((np.nan_to_num(inside) == 0).all(axis=0)).sum() == 1
        assert (np.nan_to_num(before, nan=1) != 0).all()
    for inside, before in windows_of_kind(test, "stuck sensor"):
        is_stuck = np.nanmax(inside, axis=0) == np.nanmin(inside, axis=0)
        assert is_stuck.sum() == 1
        assert (
            before[-1, is_stuck] == inside[0, is_stuck]
            or np.isnan([before[-1, is_stuck], inside[0, is_stuck]]).any()
        )
    for inside, before in windows_of_kind(test, "rougher noise"):
        assert (changes(inside) > 2.5 * changes(before)).sum() == 1
    for inside, before in windows_of_kind(test, "spikes"):
        largest = np.nanmax(np.abs(np.diff(inside, axis=0)), axis=0)
        assert (largest > 8 * changes(before)).any()
    for one in test.recordings:
        for (first, last), kind in zip(one.windows, one.kinds, strict=True):
            if kind == "lost season":
                lost, normal = one.values[first : last + 1], one.values[~one.is_anomalous]
                assert (np.nanstd(lost, axis=0)[:2] < 0.3 * np.nanstd(normal, axis=0)[:2]).all()


def test_a_fault_is_where_its_window_says_and_nowhere_else(parts):
    for one in parts["test"].recordings:
        for first, last in one.windows:
            assert (np.diff(one.times[first : last + 1]) == 300).all()
        outside = one.values[~one.is_anomalous]
        # A flat line reads 0, which no machine that runs well does.
        assert (np.nan_to_num(outside, nan=1) != 0).all()


def test_faults_that_do_not_fit_are_a_programmers_error():
    with pytest.raises(ValueError, match="too few"):
        draw_faults(KINDS, 3 * ROWS_OF_DAY, np.random.default_rng(0))


def test_some_machines_repeat_themselves_day_after_day_and_some_do_not(parts):
    for machine, one in zip(MACHINES, parts["train"].recordings, strict=True):
        grid = np.full(4 * 7 * ROWS_OF_DAY, np.nan)
        grid[(one.times - one.times[0]) // 300] = one.values[:, 0]
        weekly = grid.reshape(4, -1)
        left, right = weekly[:-1].ravel(), weekly[1:].ravel()
        there = ~np.isnan(left) & ~np.isnan(right)
        likeness = np.corrcoef(left[there], right[there])[0, 1]
        assert (likeness > 0.8) == machine.has_season, machine.name


def test_lives_run_to_failure_and_those_of_the_test_are_cut_before():
    for part in PARTS:
        readings = sample_lives(part)
        assert len(readings.recordings) == LIVES[part]
        assert readings.is_counted
        assert len(readings.sensors) == 6
        for one in readings.recordings:
            assert one.times.tolist() == list(range(1, len(one) + 1))
            assert 120 <= len(one) + one.remaining <= 350
            assert (one.remaining > 0) == (part == "test")
            assert not np.isnan(one.values).any()
    assert min(len(one) for one in sample_lives("test").recordings) >= 30


def test_sensors_tell_how_worn_a_machine_is():
    readings = sample_lives("train")
    begin = np.mean([one.values[:30].mean(axis=0) for one in readings.recordings], axis=0)
    end = np.mean([one.values[-10:].mean(axis=0) for one in readings.recordings], axis=0)
    spread = np.mean([one.values[:30].std(axis=0) for one in readings.recordings], axis=0)
    moved = np.abs(end - begin) / spread
    assert (moved[1:5] > 0.8).all()
    assert moved[[0, 5]].max() < 0.4


def test_the_tables_that_are_written_are_read_as_the_sample_is(tmp_path, capsys, parts):
    for part, form in (("validation", "csv"), ("test", "parquet")):
        main(Options(tmp_path / part, part, form))
        assert (
            capsys.readouterr().out
            == f"{len(parts[part]):,} rows written to {tmp_path}/{part}/{part}.{form}\n"
        )
        read = load_readings(ReadingSource(str(tmp_path / part)), part, sample)
        assert (read.sensors, read.is_labelled) == (parts[part].sensors, True)
        for one, made in zip(read.recordings, parts[part].recordings, strict=True):
            assert one.name == made.name
            np.testing.assert_array_equal(one.times, made.times)
            np.testing.assert_array_equal(one.values, made.values)
            np.testing.assert_array_equal(one.windows, made.windows)


def test_the_tables_of_lives_are_read_as_the_sample_is(tmp_path, capsys):
    for part in PARTS:
        main(Options(tmp_path, part, task="remaining_life"))
    source = ReadingSource(str(tmp_path))
    assert parts_in(source) == PARTS
    for part in PARTS:
        read, made = load_readings(source, part, sample), sample_lives(part)
        assert read.is_counted
        for one, other in zip(read.recordings, made.recordings, strict=True):
            assert (one.name, one.remaining) == (other.name, other.remaining)
            np.testing.assert_array_equal(one.values, other.values)


def test_parquet_needs_its_extra(tmp_path, monkeypatch):
    def missing(*_, **__):
        raise ImportError("no pyarrow")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", missing)
    with pytest.raises(UserError, match="--format parquet: written by pyarrow"):
        main(Options(tmp_path, "validation", "parquet"))
    assert list(tmp_path.iterdir()) == []
