"""How well words are found in recordings, and how well a recogniser refuses what is none of its words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

REJECTED = ("_unknown_", "_silence_")


class Timed(Protocol):
    """What has a label and a time in seconds: a detection, or what is to be detected."""

    @property
    def time(self) -> float: ...
    @property
    def label(self) -> str: ...


class Matching(NamedTuple):
    """Which detection found which event.

    Attributes:
        hits: indices of a detection and of the event that it found, `(detection, event)`.
        misses: indices of the events that none found.
        false_alarms: indices of the detections that found none.
    """

    hits: list[tuple[int, int]]
    misses: list[int]
    false_alarms: list[int]


def match_events(detections: Sequence[Timed], events: Sequence[Timed], tolerance: float) -> Matching:
    """Pairs detections with events of the same label that lie at most `tolerance` seconds from them.

    Each is in one pair at most, and no other choice of pairs has more hits.

    Args:
        detections: in any order.
        events: in any order.
        tolerance: seconds.
    """
    hits = []
    for label in sorted({event.label for event in events}):
        heard, said = (
            sorted(
                (index for index, one in enumerate(timed) if one.label == label),
                key=lambda index: timed[index].time,
            )
            for timed in (detections, events)
        )
        hits += _pairs(heard, said, detections, events, tolerance)
    found, finding = {event for _, event in hits}, {detection for detection, _ in hits}
    misses = [index for index in range(len(events)) if index not in found]
    false_alarms = [index for index in range(len(detections)) if index not in finding]
    return Matching(hits, misses, false_alarms)


def detection_metrics(
    detections: Sequence[Timed],
    events: Sequence[Timed],
    seconds: float,
    classes: Sequence[str],
    tolerance: float = 0.75,
    rejected: Sequence[str] = REJECTED,
) -> dict[str, Any]:
    """How many of the words said were detected, and how often one was detected that was not said.

    Args:
        detections: of one recording.
        events: what was said in it; those of a rejected label are not to be detected.
        seconds: length of the recording, above 0.
        classes: names of the classes.
        tolerance: seconds between a word and its detection at most.
        rejected: labels that are no words.

    Returns:
        `seconds`, `events`, `hits`, `misses`, `false_alarms`, `recall` (None where nothing was said) and
        `false_alarms_per_hour`; `per_class`: the same, but for the seconds, of each class that is not rejected.
    """
    words = [name for name in classes if name not in rejected]
    said = [event for event in events if event.label not in rejected]
    matching = match_events(detections, said, tolerance)
    hits = [said[event].label for _, event in matching.hits]
    misses = [said[event].label for event in matching.misses]
    false_alarms = [detections[index].label for index in matching.false_alarms]
    return {
        "seconds": float(seconds),
        **_rates(len(hits), len(misses), len(false_alarms), seconds),
        "per_class": {
            word: _rates(hits.count(word), misses.count(word), false_alarms.count(word), seconds)
            for word in words
        },
    }


@dataclass(frozen=True)
class RejectionCurve:
    """How many strangers are accepted against how many words are refused; arrays are `[thresholds]`, ascending."""

    thresholds: NDArray[np.float64]
    """What is accepted has a probability of at least this; the last accepts nothing."""
    false_accept_rates: NDArray[np.float64]
    """Share of the examples of a rejected label that are accepted as a word."""
    false_reject_rates: NDArray[np.float64]
    """Share of the words that are refused."""

    @property
    def equal_error_rate(self) -> float:
        """Where both rates are the same, between two thresholds on the line that joins them."""
        differences = self.false_reject_rates - self.false_accept_rates
        after = int(np.argmax(differences >= 0))
        if after == 0 or differences[after] == 0:
            return float(self.false_reject_rates[after])
        share = differences[after - 1] / (differences[after - 1] - differences[after])
        low, high = self.false_reject_rates[after - 1 : after + 1]
        return float(low + share * (high - low))


def rejection_curve(
    probabilities: ArrayLike, labels: ArrayLike, classes: Sequence[str], rejected: Sequence[str] = REJECTED
) -> RejectionCurve | None:
    """What a threshold on the probability of the likeliest word lets through and keeps out.

    Args:
        probabilities: `[examples, classes]`.
        labels: class indices, `[examples]`.
        classes: names of the classes.
        rejected: labels that are no words.

    Returns:
        The curve; None if there are no examples of words, or none of a rejected label.
    """
    labels = np.asarray(labels, np.int64)
    is_word = np.array([name not in rejected for name in classes])
    if not is_word[labels].any() or is_word[labels].all():
        return None
    scores = np.asarray(probabilities, np.float64)[:, is_word].max(axis=1)
    words, strangers = np.sort(scores[is_word[labels]]), np.sort(scores[~is_word[labels]])
    thresholds = np.append(np.unique(scores), np.inf)
    return RejectionCurve(
        thresholds,
        1 - np.searchsorted(strangers, thresholds) / len(strangers),
        np.searchsorted(words, thresholds) / len(words),
    )


def _pairs(
    heard: Sequence[int],
    said: Sequence[int],
    detections: Sequence[Timed],
    events: Sequence[Timed],
    tolerance: float,
) -> list[tuple[int, int]]:
    """Both in the order of time: whatever lies too early for all that remain is left, the first two that fit pair."""
    pairs = []
    detection, event = 0, 0
    while detection < len(heard) and event < len(said):
        distance = detections[heard[detection]].time - events[said[event]].time
        if abs(distance) <= tolerance:
            pairs.append((heard[detection], said[event]))
        detection += distance <= tolerance
        event += distance >= -tolerance
    return pairs


def _rates(hits: int, misses: int, false_alarms: int, seconds: float) -> dict[str, Any]:
    events = hits + misses
    return {
        "events": events,
        "hits": hits,
        "misses": misses,
        "false_alarms": false_alarms,
        "recall": hits / events if events else None,
        "false_alarms_per_hour": false_alarms * 3600 / seconds,
    }
