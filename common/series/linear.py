"""The best linear forecast of windows, in closed form."""

import numpy as np


class LinearFit:
    """Fits, by ridge regression, one linear map from a look back to a horizon that all columns share (Zeng et al. 2023,
    NLinear): of both the last value is subtracted first, so the forecast moves with the series.

    Windows are added one chunk after another; only sums of their products are kept, so any number of them will do. A
    column of a window counts only where all of its horizon is there; gaps of its look back are filled (see
    `filled_linearly`).

    Args:
        lookback: steps of the past.
        horizon: steps ahead.

    Example:
        >>> fit = LinearFit(lookback=3, horizon=1)
        >>> past = np.cumsum(np.ones((1, 9, 1)), axis=1)
        >>> windows = [past[:, first : first + 4] for first in range(6)]
        >>> for window in windows:
        ...     fit.add(window[:, :3], window[:, 3:])
        >>> weights, bias = fit.solve(penalty=1e-6)
        >>> (past[0, -3:, 0] @ weights + (1 - weights.sum()) * past[0, -1, 0]).round(3)  # one more than the last
        array([10.])
    """

    def __init__(self, lookback: int, horizon: int) -> None:
        self._products = np.zeros((lookback, lookback))
        self._targets = np.zeros((lookback, horizon))

    def add(self, values: np.ndarray, truth: np.ndarray) -> None:
        """Counts in some windows.

        Args:
            values: `[windows, lookback, columns]`; what is missing is NaN.
            truth: what follows, `[windows, horizon, columns]`.
        """
        before, after = (np.moveaxis(array, 1, 2).reshape(-1, array.shape[1]) for array in (values, truth))
        is_whole = ~np.isnan(after).any(axis=1) & ~np.isnan(before).all(axis=1)
        before, after = (
            filled_linearly(before[is_whole].astype(np.float64)),
            after[is_whole].astype(np.float64),
        )
        last = before[:, -1:]
        past, future = before - last, after - last
        self._products += past.T @ past
        self._targets += past.T @ future

    def solve(self, penalty: float) -> tuple[np.ndarray, np.ndarray]:
        """The weights `[lookback, horizon]`, and a bias `[horizon]` of zeros, as a dense layer has them.

        Args:
            penalty: of the sum of the squared weights.
        """
        regular = self._products + max(penalty, 1e-9) * np.eye(len(self._products))
        weights = np.linalg.solve(regular, self._targets)
        return weights.astype(np.float32), np.zeros(weights.shape[1], np.float32)


def filled_linearly(values: np.ndarray) -> np.ndarray:
    """Rows `[rows, steps]` with NaN filled on a line between their neighbours, at the ends by the nearest.

    >>> filled_linearly(np.array([[np.nan, 1.0, np.nan, 3.0]]))
    array([[1., 1., 2., 3.]])
    """
    filled = values.copy()
    steps = np.arange(values.shape[1])
    for row in np.flatnonzero(np.isnan(values).any(axis=1)):
        is_there = ~np.isnan(values[row])
        filled[row] = np.interp(steps, steps[is_there], values[row, is_there])
    return filled
