"""The score is the benchmark's: by brute force over its rules, and by what its board publishes of a known detector."""

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.special import erfc

from common.evaluation.nab import (
    PROFILES,
    ScoredFile,
    best_nab_scores,
    nab_scores,
    probation,
    raw_score,
    tuned_nab_scores,
)

BENCHMARK = Path("../shared/data/nab")
WEIGHTS = {"standard": (1, 0.11, 1), "low_fp": (1, 0.22, 1), "low_fn": (1, 0.11, 2)}


def sigma(position):
    return -1.0 if position >= 3 else 2 / (1 + math.exp(5 * position)) - 1


def brute_force(files, threshold, profile):
    """Normalised score, windows, windows hit and false rows, row by row."""
    earned, missed, cost, hits, false_rows = 0.0, 0, 0.0, 0, 0
    for file in files:
        start = min(0.15 * len(file.scores), 750)
        alarms = [row for row, score in enumerate(file.scores) if row >= int(start) and score >= threshold]
        for first, last in file.windows:
            if last < int(start):
                continue
            width = last - first + 1
            worths = [sigma(-(last - row + 1) / width) for row in alarms if first <= row <= last]
            earned, hits = earned + max(worths, default=0) / sigma(-1), hits + bool(worths)
            missed += not worths
        for row in alarms:
            if any(first <= row <= last for first, last in file.windows):
                continue
            before = [(first, last) for first, last in file.windows if last < row]
            first, last = before[-1] if before else (0, 0)
            cost += sigma((row - last) / (last - first)) if last > first else -1
            false_rows += 1
    true, false, miss = WEIGHTS[profile]
    raw = true * earned + false * cost - miss * missed
    windows = hits + missed
    return 100 * (raw + miss * windows) / (windows * (true + miss)), windows, hits, false_rows


@st.composite
def files(draw):
    rows = draw(st.integers(8, 30))
    edges = sorted(draw(st.sets(st.integers(0, rows - 1), max_size=6)))
    windows = [edges[index : index + 2] for index in range(0, len(edges) - 1, 2)]
    # One window of a single row, too.
    windows += [[edges[-1]] * 2] if len(edges) % 2 else []
    scores = draw(st.lists(st.integers(0, 5), min_size=rows, max_size=rows))
    return ScoredFile("made", np.array(scores) / 5, windows)


CORPORA = st.lists(files(), min_size=1, max_size=3)


def assume_scored(corpus):
    assume(any(one.windows[-1, 1] >= probation(len(one.scores)) for one in corpus if len(one.windows)))


@given(CORPORA, st.integers(0, 6), st.sampled_from(list(WEIGHTS)))
def test_a_score_is_what_the_rules_say_row_by_row(corpus, fifths, profile):
    assume_scored(corpus)
    scored = nab_scores(corpus, fifths / 5)[profile]
    score, *counts = brute_force(corpus, fifths / 5, profile)
    assert scored.score == pytest.approx(score)
    assert [scored.windows, scored.hits, scored.false_rows] == counts
    assert scored.threshold == fifths / 5


@given(CORPORA, st.sampled_from(list(WEIGHTS)))
def test_no_threshold_is_better_than_the_tuned_one(corpus, profile):
    assume_scored(corpus)
    tuned = tuned_nab_scores(corpus)[profile]
    every = [brute_force(corpus, threshold, profile)[0] for threshold in (0, 0.2, 0.4, 0.6, 0.8, 1, np.inf)]
    assert tuned.score == pytest.approx(max(every))
    assert tuned == nab_scores(corpus, tuned.threshold)[profile]


@given(CORPORA, st.sampled_from(list(WEIGHTS)))
def test_raw_scores_of_files_are_the_corpus_before_it_is_normalised(corpus, profile):
    assume_scored(corpus)
    scored, weights = nab_scores(corpus, 0.5)[profile], PROFILES[profile]
    raw = sum(raw_score(one, 0.5, weights) for one in corpus)
    none = sum(raw_score(one, np.inf, weights) for one in corpus)
    best = scored.windows * weights.true_positive
    assert scored.score == pytest.approx(100 * (raw - none) / (best - none))


@pytest.mark.parametrize("profile", WEIGHTS)
def test_no_alarm_is_worth_nothing_and_the_first_row_of_each_window_everything(profile):
    windows = [[40, 59], [80, 80]]
    scores = np.zeros(100)
    assert nab_scores([ScoredFile("pump", scores, windows)], 0.5)[profile].score == 0
    scores[[40, 80]] = 1
    assert nab_scores([ScoredFile("pump", scores, windows)], 0.5)[profile].score == pytest.approx(100)
    scores[45:60] = 1
    assert nab_scores([ScoredFile("pump", scores, windows)], 0.5)[profile].score == pytest.approx(100)


def test_alarms_that_only_cost_are_not_raised():
    scores = np.zeros(100)
    scores[30] = 1
    tuned = tuned_nab_scores([ScoredFile("pump", scores, [[90, 99]])])["low_fp"]
    assert (tuned.score, tuned.threshold, tuned.hits, tuned.false_rows) == (0, np.inf, 0, 0)


def test_the_first_rows_are_not_scored():
    scores = np.zeros(20)
    scores[:3] = 1
    scored = nab_scores([ScoredFile("pump", scores, [[0, 2], [10, 12]])], 0.5)["standard"]
    assert (scored.score, scored.windows, scored.hits, scored.false_rows) == (0, 1, 0, 0)
    assert [probation(rows) for rows in (20, 4032, 22695)] == [3, 604, 750]


def test_a_detector_that_falls_silent_is_asked_at_each_threshold():
    scores = np.zeros(100)
    scores[[30, 60, 75]] = 0.3, 0.5, 0.9

    def first_alarm_only(threshold):
        alarm = np.zeros(100)
        alarm[np.flatnonzero(scores >= threshold)[:1]] = np.inf if threshold > 1 else 1
        return [ScoredFile("pump", alarm, [[60, 79]])]

    best = best_nab_scores(first_alarm_only, [0.2, 0.4, 0.8])["standard"]
    assert (best.threshold, best.score, best.false_rows) == (0.4, pytest.approx(100), 0)
    with pytest.raises(ValueError, match="no thresholds"):
        best_nab_scores(first_alarm_only, [])


@pytest.mark.parametrize(
    ("windows", "scores"),
    [
        ([[5, 4]], np.zeros(10)),
        ([[2, 4], [4, 6]], np.zeros(10)),
        ([[5, 6], [2, 3]], np.zeros(10)),
        ([[8, 10]], np.zeros(10)),
        ([[-1, 3]], np.zeros(10)),
        ([[2, 4]], np.full(10, np.nan)),
        ([[2, 4]], np.zeros((10, 1))),
    ],
)
def test_what_is_no_answer_about_a_file_is_refused(windows, scores):
    with pytest.raises(ValueError, match=r"pump: .*expected"):
        ScoredFile("pump", scores, windows)


def test_without_windows_there_is_no_score():
    for windows in ([], [[0, 1]]):
        with pytest.raises(ValueError, match="no labelled window"):
            tuned_nab_scores([ScoredFile("pump", np.zeros(100), windows)])


PUBLISHED = {
    "artificialNoAnomaly/art_noisy": 0,
    "artificialWithAnomaly/art_increase_spike_density": -1,
    "artificialWithAnomaly/art_load_balancer_spikes": -0.692444609523,
    "realAWSCloudwatch/ec2_cpu_utilization_24ae8d": -1.26667875935,
    "realAWSCloudwatch/ec2_cpu_utilization_53ea38": -0.141423196117,
    "realAWSCloudwatch/ec2_cpu_utilization_825cc2": 0.956537840284,
    "realAWSCloudwatch/ec2_cpu_utilization_c6585a": -1.32,
    "realAWSCloudwatch/ec2_cpu_utilization_fe7f93": 0.638757791772,
    "realAWSCloudwatch/ec2_disk_write_bytes_c0d644": -1.09599853032,
    "realAWSCloudwatch/ec2_network_in_5abac7": -3.52193223519,
    "realAWSCloudwatch/rds_cpu_utilization_e47b3b": -0.138449197924,
    "realKnownCause/cpu_utilization_asg_misconfiguration": -1.11,
    "realKnownCause/machine_temperature_system_failure": -4,
    "realKnownCause/nyc_taxi": -5,
    "realKnownCause/rogue_agent_key_hold": -2.44,
    "realKnownCause/rogue_agent_key_updown": -1.3964908955,
}
"""Raw scores of files in results/windowedGaussian/windowedGaussian_standard_scores.csv of numenta/NAB, threshold 1."""


def windowed_gaussian(values):
    """The benchmark's detector of that name: a value against the mean and deviation of a window of values before it.

    The window grows to 6,400 values and then moves by 100 at a time. The published results hold 12 digits.
    """
    before = pd.Series(values).shift().expanding()
    mean, deviation = before.mean().to_numpy(copy=True), before.std(ddof=0).to_numpy(copy=True)
    for row in range(6400, len(values)):
        start = (row - 6400) // 100 * 100
        if row == start + 6400:
            window = values[start:row]
        mean[row], deviation[row] = window.mean(), window.std()
    deviation[deviation == 0] = 1e-6
    scores = 1 - erfc(np.abs(values - mean) / deviation / np.sqrt(2)) / 2
    scores[0] = 0
    return np.round(scores, 12)


@pytest.fixture(scope="module")
def benchmark():
    """Name, values and rows of the windows of each file."""
    if not BENCHMARK.is_dir():
        pytest.skip("the benchmark's files are not here")
    series = {}
    for name, windows in json.loads((BENCHMARK / "combined_windows.json").read_text()).items():
        path = BENCHMARK / f"{name}.gz"
        if path.is_file():
            lines = gzip.decompress(path.read_bytes()).decode().split()[1:]
            times = [f"{day} {rest.split(',')[0]}" for day, rest in zip(lines[::2], lines[1::2], strict=True)]
            values = np.array([line.split(",")[1] for line in lines[1::2]], float)
            rows = [[times.index(edge.split(".")[0]) for edge in window] for window in windows]
            series[name.removesuffix(".csv")] = values, rows
    return series


def test_a_known_detector_gets_what_the_board_publishes(benchmark):
    corpus = [
        ScoredFile(name, windowed_gaussian(values), windows) for name, (values, windows) in benchmark.items()
    ]
    raw = {one.name: raw_score(one, 1.0, PROFILES["standard"]) for one in corpus}
    assert {name: raw[name] for name in PUBLISHED} == pytest.approx(PUBLISHED)
    tuned = tuned_nab_scores(corpus)["standard"]
    assert tuned.windows == 42
    assert round(tuned.score, 1) == 13.8
