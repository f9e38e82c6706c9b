"""Holds the answers of an exported model against those of the live function that it was traced from."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from common.inference.runner import SavedModelError, SavedModelRunner


def verify_signature(
    runner: SavedModelRunner,
    name: str,
    function: Callable[..., Mapping[str, tf.Tensor]],
    examples: Mapping[str, np.ndarray],
    tolerance: float,
) -> None:
    """Checks that the exported signature answers as `function` does, however the rows are batched.

    The examples are asked all together, each row alone, and with the first row repeated at the end; each time the
    rows' answers must be those that `function` gives for all of them. Numbers may differ by `tolerance`, absolute or
    relative, strings, integers and booleans not at all. Where an output is as wide as the longest row, a shorter row
    alone may be narrower, if in the batch the rest of its row is padding: zeros, empty strings or False.

    Raises:
        ValueError: an answer differs, or the exported signature fails.
    """
    live = function(**{input_name: tf.constant(array) for input_name, array in examples.items()})
    expected = {output: tensor.numpy() for output, tensor in live.items()}
    rows = len(next(iter(examples.values())))
    batches: dict[str, Sequence[int]] = {"all rows": range(rows), f"{rows + 1} rows": [*range(rows), 0]}
    batches |= {f"row {row} alone": [row] for row in range(rows)}
    for batch, indices in batches.items():
        chosen = list(indices)
        try:
            answers = runner.run(name, **{key: array[chosen] for key, array in examples.items()})
        except SavedModelError as error:
            raise ValueError(
                f"signature {name!r}, {batch}: the exported model fails where the live one answers: {error}"
            ) from error
        for output, answer in answers.items():
            difference = _difference(answer, expected[output][chosen], tolerance)
            if difference:
                raise ValueError(
                    f"signature {name!r}, output {output!r}, {batch}: expected the exported model to answer "
                    f"as the live one, {difference}"
                )


def _difference(answer: np.ndarray, expected: np.ndarray, tolerance: float) -> str | None:
    """What keeps `answer` from being `expected`; None if nothing does."""
    same_rank = answer.ndim == expected.ndim and len(answer) == len(expected)
    if not same_rank or any(given > size for given, size in zip(answer.shape, expected.shape, strict=True)):
        return f"got the shape {list(answer.shape)}, not {list(expected.shape)}"
    padded = np.full_like(expected, b"" if expected.dtype == object else 0)
    padded[tuple(slice(size) for size in answer.shape)] = answer
    if expected.dtype.kind in "fc":
        wrong = ~np.isclose(padded, expected, rtol=tolerance, atol=tolerance, equal_nan=True)
    else:
        wrong = padded != expected
    if not wrong.any():
        return None
    place = tuple(int(axis[0]) for axis in np.nonzero(wrong))
    return f"got {padded[place]!r}, not {expected[place]!r}, at {list(place)} ({wrong.sum()} of {wrong.size} differ)"
