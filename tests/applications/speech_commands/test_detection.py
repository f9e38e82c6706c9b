"""A word is detected once, when its averaged posterior reaches the threshold, however the frames arrive."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from applications.speech_commands.detection import Detection, DetectionOptions, Detector
from common.errors import UserError

CLASSES = ["_silence_", "_unknown_", "no", "yes"]
HOP = 0.02
OPTIONS = DetectionOptions(smoothing=0.2, threshold=0.7, refractory=0.6)


def times(frames):
    return HOP * np.arange(1, frames + 1)


def speech(seconds, *words):
    """Posteriors that are sure of silence but for words, each a label, its begin and end in seconds, its posterior."""
    posteriors = np.zeros((round(seconds / HOP), len(CLASSES)))
    for label, begin, end, posterior in words:
        posteriors[round(begin / HOP) : round(end / HOP), CLASSES.index(label)] = posterior
    posteriors[:, 0] = 1 - posteriors[:, 1:].sum(axis=1)
    return posteriors


def detected(posteriors, options=OPTIONS):
    detector = Detector(CLASSES, options)
    return detector.feed(posteriors, times(len(posteriors))) + detector.finish()


def averages(posteriors, smoothing=0.2):
    """Mean over the last frames, fewer at the beginning (Chen et al. 2014, equation 2)."""
    frames = max(round(smoothing / HOP), 1)
    return np.array(
        [posteriors[max(end - frames, 0) : end].mean(axis=0) for end in range(1, len(posteriors) + 1)]
    )


def random_speech(seed, frames=150):
    rng = np.random.default_rng(seed)
    scores = np.repeat(rng.normal(0, 4, (frames // 10, len(CLASSES))), 10, axis=0)
    scores = np.exp(scores + rng.normal(size=(frames, len(CLASSES))))
    return scores / scores.sum(axis=1, keepdims=True)


def test_each_word_is_detected_once_when_its_average_reaches_the_threshold():
    found = detected(speech(4, ("yes", 1.0, 1.3, 0.9), ("no", 2.0, 2.3, 1.0), ("yes", 3.0, 3.3, 1.0)))
    assert [detection.label for detection in found] == ["yes", "no", "yes"]
    assert [detection.time for detection in found] == pytest.approx([1.16, 2.14, 3.14])
    assert [detection.probability for detection in found] == pytest.approx([0.9, 1.0, 1.0])


def test_a_spike_is_no_word_and_neither_are_silence_and_unknown_words():
    assert detected(speech(2, ("yes", 1.0, 1.1, 1.0))) == []
    assert detected(speech(2, ("_unknown_", 0.5, 1.5, 1.0))) == []
    assert len(detected(speech(2, ("yes", 1.0, 1.1, 1.0)), DetectionOptions(smoothing=0.0))) == 1


def test_a_word_that_is_held_is_detected_once_and_again_after_it_was_gone():
    assert len(detected(speech(6, ("yes", 1.0, 5.0, 1.0)))) == 1
    assert len(detected(speech(6, ("yes", 1.0, 3.0, 1.0), ("yes", 3.3, 5.0, 1.0)))) == 2


def test_nothing_else_is_detected_within_the_refractory_time():
    words = speech(3, ("yes", 1.0, 1.3, 1.0), ("no", 1.4, 1.6, 1.0))
    assert [detection.label for detection in detected(words)] == ["yes"]
    shorter = DetectionOptions(smoothing=0.2, threshold=0.7, refractory=0.3)
    assert [detection.label for detection in detected(words, shorter)] == ["yes", "no"]


def test_a_word_at_the_very_end_is_not_lost():
    posteriors = speech(1.16, ("yes", 1.0, 1.16, 1.0))
    assert detected(posteriors) == [Detection(pytest.approx(1.14), "yes", pytest.approx(0.8))]


def test_the_peak_decides_between_two_words():
    options = DetectionOptions(smoothing=0.2, threshold=0.3, refractory=0.6)
    posteriors = speech(2, ("no", 1.0, 1.1, 0.7), ("yes", 1.1, 1.3, 1.0))
    [detection] = detected(posteriors, options)
    assert detection.label == "yes"
    assert detection.time == pytest.approx(1.1)


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.1, 0.2]), st.floats(0.2, 0.9), st.floats(0, 1))
@settings(max_examples=60)
def test_detections_follow_from_the_averages(seed, smoothing, threshold, refractory):
    posteriors = random_speech(seed)
    options = DetectionOptions(smoothing, threshold, refractory)
    found = detected(posteriors, options)
    words = averages(posteriors, smoothing)[:, 2:]
    if words.max(initial=0) >= threshold:
        first = np.argmax(words.max(axis=1) >= threshold)
        assert found[0].time == pytest.approx(times(150)[first])
    assert bool(found) == (words.max() >= threshold)
    assert all(gap > refractory - 1e-6 for gap in np.diff([detection.time for detection in found]))
    for detection in found:
        frame = round(detection.time / HOP) - 1
        assert words[frame].max() >= threshold
        followed = words[frame : frame + round(smoothing / HOP) + 2, CLASSES.index(detection.label) - 2]
        assert np.isclose(followed, detection.probability).any()
        assert detection.probability >= threshold


@given(st.integers(0, 10_000), st.lists(st.integers(0, 150), max_size=8))
@settings(max_examples=40)
def test_frames_may_come_in_any_pieces(seed, cuts):
    posteriors, borders = random_speech(seed), [0, *sorted(cuts), 150]
    options = DetectionOptions(0.1, 0.5, 0.3)
    detector, found = Detector(CLASSES, options), []
    for first, last in pairwise(borders):
        found += detector.feed(posteriors[first:last], times(150)[first:last])
    assert found + detector.finish() == detected(posteriors, options)
    assert detector.finish() == []


@pytest.mark.parametrize(("end", "told"), [(1.18, 1.22), (1.5, 1.34)])
def test_a_detection_is_told_when_its_peak_is_over_and_not_at_the_end(end, told):
    posteriors = speech(3, ("yes", 1.0, end, 1.0))
    detector = Detector(CLASSES, OPTIONS)
    at = [time for frame, time in zip(posteriors, times(150), strict=True) if detector.feed([frame], [time])]
    assert at == [pytest.approx(told)]


def test_options_out_of_range_are_named_by_their_flag():
    for field, value in {"smoothing": -0.1, "threshold": 0.0, "refractory": -1.0}.items():
        with pytest.raises(UserError, match=f"--{field} {value}: expected"):
            DetectionOptions(**{field: value})
    with pytest.raises(UserError, match=r"--threshold .*: expected"):
        DetectionOptions(threshold=1.1)
