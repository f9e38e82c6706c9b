"""VUS-PR: the volume under the precision-recall surface of an anomaly score (Paparrizos et al. 2022)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

THRESHOLDS = 250
"""As many as the measure's authors take in TSB-AD (Liu and Paparrizos 2024)."""


def vus_pr(labels: ArrayLike, scores: ArrayLike, widest_buffer: int, thresholds: int = THRESHOLDS) -> float:
    """The mean area under range-based precision-recall curves, over all widths of a buffer around anomalies.

    A score that rises some rows beside an anomaly is nearly as useful as one that rises in it. So labels fade out over
    a buffer on both sides of each anomaly, and the area is the mean over buffers from no row to the widest. Recall is
    weighed by the share of anomalies that are found at all. No threshold has to be chosen.

    Args:
        labels: `[rows]` of one series, true where anomalous; some rows must be and some must not.
        scores: `[rows]`, finite, higher where more anomalous; their order alone counts.
        widest_buffer: rows of the widest buffer, half of them on each side; TSB-AD takes the series's season.
        thresholds: quantiles of the scores at which precision and recall are computed, from 2.

    Returns:
        From 0, and to about 1: the anomalous rows score highest.

    Raises:
        ValueError: shapes differ, a score is not finite, or all rows or none are anomalous.

    Example:
        >>> labels = np.arange(100) // 10 == 4
        >>> round(vus_pr(labels, labels, 0), 3), round(vus_pr(labels, ~labels, 0), 3)
        (1.0, 0.1)
    """
    anomalous, values = _checked(labels, scores)
    if widest_buffer < 0 or thresholds < 2:
        raise ValueError(
            f"a buffer of {widest_buffer} rows and {thresholds} thresholds; expected 0 or more and at least 2"
        )
    first_alarm, alarms = _alarms(values, thresholds)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], anomalous, [False]])))
    ranges = edges.reshape(-1, 2) - np.array([0, 1])
    areas = [_area(anomalous, ranges, first_alarm, alarms, buffer) for buffer in range(widest_buffer + 1)]
    return float(np.mean(areas))


def _checked(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.bool_], Floats]:
    labels, scores = np.asarray(labels, bool), np.asarray(scores, np.float64)
    if labels.ndim != 1 or labels.shape != scores.shape:
        raise ValueError(f"labels {labels.shape} and scores {scores.shape}; expected [rows] of both")
    if not np.isfinite(scores).all():
        raise ValueError("a score is not finite; expected a number in each row")
    if labels.all() or not labels.any():
        raise ValueError(f"{labels.sum()} of {len(labels)} rows are anomalous; expected some, and not all")
    return labels, scores


def _alarms(scores: Floats, thresholds: int) -> tuple[Integers, Floats]:
    """The first threshold, from the highest, at which each row has an alarm, `[rows]`; alarms at each threshold."""
    falling = np.sort(scores)[::-1]
    values = falling[np.linspace(0, len(scores) - 1, thresholds).astype(np.int64)]
    first = np.searchsorted(-values, -scores, side="left")
    return first, np.cumsum(np.bincount(first, minlength=thresholds)).astype(np.float64)


def _area(
    labels: NDArray[np.bool_], ranges: Integers, first_alarm: Integers, alarms: Floats, buffer: int
) -> float:
    """The area under the curve with a buffer of so many rows."""
    faded = _faded(labels, ranges, buffer)
    rows = np.flatnonzero(faded)
    found = np.cumsum(np.bincount(first_alarm[rows], faded[rows], len(alarms)))
    found_inside = np.cumsum(np.bincount(first_alarm[labels], minlength=len(alarms)))
    # A buffer counts as missed only as far as the score rises in it: else wide ones would punish exact detectors.
    positives = labels.sum() + (found - found_inside) / 2
    recall = np.minimum(found / positives, 1) * _share_found(ranges, first_alarm, len(alarms), buffer)
    return float(np.diff(recall, prepend=0) @ (found / alarms))


def _faded(labels: NDArray[np.bool_], ranges: Integers, buffer: int) -> Floats:
    """Labels from 1 in anomalies down to .7 at the ends of the buffers; where buffers overlap they add up, to 1."""
    distances = np.arange(1, buffer // 2 + 1)
    rows = np.concatenate([ranges[:, :1] - distances, ranges[:, 1:] + distances]).ravel()
    weights = np.tile(np.sqrt(1 - distances / max(buffer, 1)), 2 * len(ranges))
    inside = (rows >= 0) & (rows < len(labels))
    return np.minimum(labels + np.bincount(rows[inside], weights[inside], len(labels)), 1)


def _share_found(ranges: Integers, first_alarm: Integers, thresholds: int, buffer: int) -> Floats:
    """The share of the anomalies with an alarm in them or their buffers; those whose buffers meet are one."""
    apart = ranges[1:, 0] - ranges[:-1, 1] > buffer // 2 * 2
    first = np.maximum(ranges[np.append(True, apart), 0] - buffer // 2, 0)
    end = ranges[np.append(apart, True), 1] + buffer // 2 + 1
    # Past the last row, which an end may be, nothing can be reduced; that row's place is taken by a row without alarm.
    padded = np.append(first_alarm, thresholds)
    edges = np.minimum(np.stack([first, end], axis=1), len(first_alarm)).ravel()
    earliest = np.minimum.reduceat(padded, edges)[::2]
    return np.cumsum(np.bincount(earliest, minlength=thresholds)) / len(first)
