"""How well words are found in recordings."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

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
        detected, present = (
            sorted(
                (index for index, one in enumerate(timed) if one.label == label),
                key=lambda index: timed[index].time,
            )
            for timed in (detections, events)
        )
        hits += _pairs(detected, present, detections, events, tolerance)
    detected_events, finding = {event for _, event in hits}, {detection for detection, _ in hits}
    misses = [index for index in range(len(events)) if index not in detected_events]
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


def _pairs(
    detected: Sequence[int],
    present: Sequence[int],
    detections: Sequence[Timed],
    events: Sequence[Timed],
    tolerance: float,
) -> list[tuple[int, int]]:
    """Both in the order of time: whatever lies too early for all that remain is left, the first two that fit pair."""
    pairs = []
    detection, event = 0, 0
    while detection < len(detected) and event < len(present):
        distance = detections[detected[detection]].time - events[present[event]].time
        if abs(distance) <= tolerance:
            pairs.append((detected[detection], present[event]))
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
