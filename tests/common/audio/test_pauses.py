"""What is spoken comes out whole and silence not at all, however loud, however it comes in."""

from itertools import count, islice, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.audio.pauses import segments

RATE = 16_000


def speech(seconds, rng):
    """Noise that swells and fades some four times a second as syllables do."""
    times = np.arange(round(seconds * RATE)) / RATE
    return rng.normal(0, 0.1, len(times)) * (0.15 + np.abs(np.sin(2 * np.pi * 2 * times + 0.5)))


def recording(places, seconds, rng, noise=1e-4):
    """Speech at the given places (start and end in seconds) over noise."""
    waveform = rng.normal(0, noise, round(seconds * RATE))
    for start, end in places:
        first = round(start * RATE)
        burst = speech(end - start, rng)
        waveform[first : first + len(burst)] += burst
    return waveform.astype(np.float32)


def in_seconds(found):
    return [(one.start_sample / RATE, (one.start_sample + len(one.waveform)) / RATE) for one in found]


PLACES = [(0.0, 0.7), (1.1, 1.5), (3.0, 6.0), (6.5, 6.8), (15.0, 19.0), (19.5, 20.0)]
CHANGES = {
    "as it is": lambda waveform, times: waveform,
    "very quiet": lambda waveform, times: waveform * 1e-3,
    "a DC offset": lambda waveform, times: waveform + 0.5,
    "quiet at a DC offset": lambda waveform, times: waveform * 0.01 - 0.3,
    "hum at 50 Hz": lambda waveform, times: waveform + 0.3 * np.sin(2 * np.pi * 50 * times),
    "hum at 60 Hz": lambda waveform, times: waveform + 0.3 * np.sin(2 * np.pi * 60 * times),
    "a whistle": lambda waveform, times: waveform + 0.003 * np.sin(2 * np.pi * 1000 * times),
    "no noise": lambda waveform, times: np.where(np.abs(waveform) < 6e-4, 0, waveform),
}


HEARD = pytest.mark.parametrize("answer_after", [None, 0.5], ids=["as a whole", "while it is made"])


@HEARD
@pytest.mark.parametrize("change", CHANGES)
def test_each_burst_of_speech_comes_out_whole_with_a_little_context(change, answer_after):
    waveform = recording(PLACES, 22, np.random.default_rng(0))
    changed = CHANGES[change](waveform, np.arange(len(waveform)) / RATE).astype(np.float32)
    found = list(segments([changed], answer_after=answer_after))
    assert len(found) == len(PLACES)
    for (start, end), (said_from, said_to) in zip(in_seconds(found), PLACES, strict=True):
        assert max(said_from - 0.2, 0) <= start <= max(said_from - 0.1, 0)
        assert said_to + 0.1 <= end <= said_to + 0.2
    for one in found:
        end = one.start_sample + len(one.waveform)
        np.testing.assert_array_equal(one.waveform, changed[one.start_sample : end])
        assert one.waveform.dtype == np.float32


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.floats(0.2, 3), st.floats(0.4, 4)), min_size=1, max_size=10), st.integers(0, 99))
def test_speech_anywhere_lies_whole_within_one_segment(lengths, seed):
    places, time = [], 0.5
    for length, pause in lengths:
        places.append((time, time + length))
        time += length + pause
    found = in_seconds(segments([recording(places, time + 0.5, np.random.default_rng(seed))]))
    assert len(found) == len(places)
    for (start, end), (said_from, said_to) in zip(found, places, strict=True):
        assert start <= said_from < said_to <= end


LONG = recording([(0.2, 9.0), (9.1, 13.0), (13.5, 14.0), (16.5, 20.7)], 21.03, np.random.default_rng(1))
WHOLE = list(segments([LONG], longest_seconds=4.0))


@HEARD
@settings(deadline=None, max_examples=15)
@given(places=st.lists(st.integers(0, len(LONG)), max_size=40))
def test_the_cutting_into_blocks_changes_nothing(answer_after, places):
    found = list(segments(np.split(LONG, sorted(places)), longest_seconds=4.0, answer_after=answer_after))
    assert [one.start_sample for one in found] == [one.start_sample for one in WHOLE]
    for one, other in zip(found, WHOLE, strict=True):
        np.testing.assert_array_equal(one.waveform, other.waveform)


def test_blocks_of_a_few_samples_do_as_well():
    blocks = np.split(LONG[: 10 * RATE], range(7, 10 * RATE, 37))
    whole = list(segments([LONG[: 10 * RATE]]))
    assert [(one.start_sample, len(one.waveform)) for one in segments(blocks)] == [
        (one.start_sample, len(one.waveform)) for one in whole
    ]


TIMES = np.arange(30 * RATE) / RATE
SILENCES = {
    "nothing": np.zeros(0),
    "one sample": np.ones(1),
    "zeros": np.zeros(30 * RATE),
    "an offset": np.full(30 * RATE, 0.7),
    "steps of 16 bits": np.random.default_rng(0).integers(-1, 2, 30 * RATE) / 32_768,
    "loud noise": np.random.default_rng(0).normal(0, 0.2, 30 * RATE),
    "short noise": np.random.default_rng(0).normal(0, 0.2, RATE // 2),
    "hum": 0.5 * np.sin(2 * np.pi * 50 * TIMES) + 0.1 * np.sin(2 * np.pi * 350 * TIMES),
    "clicks": np.where(np.arange(30 * RATE) % (3 * RATE) == 5_000, 0.9, 0.0),
}


@HEARD
@pytest.mark.parametrize("silence", SILENCES)
def test_where_nobody_speaks_there_is_no_segment(silence, answer_after):
    assert list(segments([SILENCES[silence].astype(np.float32)], answer_after=answer_after)) == []


@pytest.mark.parametrize(("answer_after", "longest"), [(None, 2), (0.5, 4)])
def test_a_fan_that_is_switched_on_and_off_is_speech_for_seconds_at_most(answer_after, longest):
    rng = np.random.default_rng(0)
    waveform = rng.normal(0, 1e-4, 60 * RATE)
    waveform[round(20.3 * RATE) : round(40.6 * RATE)] += rng.normal(0, 0.02, round(20.3 * RATE))
    found = in_seconds(segments([waveform.astype(np.float32)], answer_after=answer_after))
    assert sum(end - start for start, end in found) < longest


@HEARD
def test_words_over_a_fan_are_found_as_well_as_before_it(answer_after):
    rng = np.random.default_rng(0)
    waveform = recording([(5, 6), (30, 31), (50, 51)], 60, rng)
    waveform[20 * RATE : 40 * RATE] += rng.normal(0, 0.005, 20 * RATE).astype(np.float32)
    found = in_seconds(segments([waveform], answer_after=answer_after))
    for time in (5, 30, 50):
        (one,) = [(start, end) for start, end in found if start <= time + 0.05 and time + 0.95 <= end]
        assert one[1] - one[0] < 1.5


def test_a_speech_without_pauses_is_cut_into_parts_that_follow_each_other_at_its_quietest_places():
    waveform = recording([(0.5, 40.5)], 41, np.random.default_rng(0))
    breaths = (6.0, 13.1, 20.2, 26.9, 33.0)
    for time in breaths:
        waveform[round((time - 0.1) * RATE) : round((time + 0.1) * RATE)] *= 0.001
    found = in_seconds(segments([waveform], longest_seconds=8.0))
    assert all(end - start <= 8.0 for start, end in found)
    assert (found[0][0], found[-1][1]) == (pytest.approx(0.35, abs=0.05), pytest.approx(40.65, abs=0.05))
    for (_, end), (start, _), time in zip(found[:-1], found[1:], breaths, strict=True):
        assert end == pytest.approx(time, abs=0.05)
        assert start == pytest.approx(time, abs=0.05)


@settings(deadline=None, max_examples=20)
@given(st.floats(2, 9), st.floats(0.2, 1), st.integers(0, 999))
def test_no_segment_is_too_long_or_overlaps_another_and_all_that_is_loud_is_in_one(longest, pause, seed):
    rng = np.random.default_rng(seed)
    starts = np.cumsum(rng.uniform(0.3, 2.5, 16))
    places = [(start, start + rng.uniform(0.1, 2.4)) for start in starts]
    waveform = recording(places, starts[-1] + 3, rng)
    found = list(segments([waveform], longest, pause))
    spans = [(one.start_sample, one.start_sample + len(one.waveform)) for one in found]
    assert all(end - start <= longest * RATE for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    left = np.abs(waveform)
    for start, end in spans:
        left[start:end] = 0
    assert left.max() < 0.1


def test_longer_pauses_can_be_asked_for():
    waveform = recording([(1, 2), (2.5, 3), (4, 5)], 6, np.random.default_rng(0))
    assert len(list(segments([waveform], shortest_pause=0.8))) == 2
    assert len(list(segments([waveform], shortest_pause=1.2))) == 1


def test_segments_of_a_recording_that_never_ends_come_soon_after_they_are_spoken():
    rng = np.random.default_rng(0)
    read = count()

    def microphone():
        while True:
            next(read)
            yield recording([(0.2, 0.6)], 1, rng)

    found = in_seconds(islice(segments(microphone()), 100))
    assert found[-1][0] == pytest.approx(99.05, abs=0.05)
    assert next(read) < 99 + 12


def answers(waveform, block, **options):
    """How many seconds were given when each segment came, and where that ends."""
    given = 0

    def blocks():
        nonlocal given
        for first in range(0, len(waveform), block):
            given = min(first + block, len(waveform))
            yield waveform[first:given]

    for one in segments(blocks(), **options):
        yield given / RATE, (one.start_sample + len(one.waveform)) / RATE


@pytest.mark.parametrize("answer_after", [0.5, 0.8])
@pytest.mark.parametrize("block", [160, 1600])
@pytest.mark.parametrize("noise", [0, 1e-4, 3e-3])
def test_a_segment_comes_as_soon_as_the_pause_after_it_has_lasted_long_enough(noise, block, answer_after):
    places = [(0.8, 1.2), (2.6, 3.9), (5.5, 14.0), (15.6, 16.0)]
    waveform = recording(places, 30, np.random.default_rng(0), noise)
    came = list(answers(waveform, block, answer_after=answer_after))
    assert len(came) == len(places)
    for (given_seconds, end), (_, said_to) in zip(came, places, strict=True):
        assert said_to + answer_after - 0.1 <= given_seconds <= said_to + answer_after + 0.3 + block / RATE
        assert said_to + 0.1 <= end <= said_to + 0.2


def test_a_recording_that_begins_with_a_word_is_answered_as_soon():
    waveform = recording([(0.0, 0.6)], 20, np.random.default_rng(0))
    ((given_seconds, _),) = answers(waveform, 1600, answer_after=0.5)
    assert given_seconds <= 0.6 + 0.9


def test_a_soft_word_after_loud_ones_is_not_lost():
    waveform = recording([(1, 2), (3, 4), (9, 10)], 20, np.random.default_rng(0), 1e-5)
    waveform[round(8.5 * RATE) : round(10.5 * RATE)] *= 0.02
    came = list(answers(waveform, 1600, answer_after=0.5))
    assert len(came) == 3
    assert came[-1][1] == pytest.approx(10.1, abs=0.1)


def test_lengths_that_make_no_sense_are_refused_at_once():
    with pytest.raises(ValueError, match=r"segments of up to 1\.0 s"):
        segments([], longest_seconds=1.0)
    with pytest.raises(ValueError, match=r"pauses from 0\.1 s"):
        segments([], shortest_pause=0.1)
    with pytest.raises(
        ValueError, match=r"after 0\.2 s of quiet; expected at least the shortest pause, 0\.3"
    ):
        segments([], answer_after=0.2)
