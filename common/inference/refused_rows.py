"""Rows of an answer that a model refused: every exported signature says in its output `error` why, row by row."""

from collections.abc import Mapping, Sequence

import numpy as np

from common.errors import ROW_ERROR, UserError

Outputs = Mapping[str, np.ndarray]


class RefusedRowsError(UserError):
    """Some rows of a request were refused; the others were answered.

    Attributes:
        reasons: why each of them was, by its number, counted from 0.
        outputs: the whole answer, in which the refused rows hold zeros, empty strings and False.
    """

    def __init__(
        self, reasons: Mapping[int, str], outputs: Outputs, names: Sequence[str] | None, where: str
    ) -> None:
        row, reason = next(iter(reasons.items()))
        others = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
        super().__init__(f"{where}{names[row] if names else f'row {row}'}: {reason}{others}")
        self.reasons, self.outputs = reasons, outputs


def reasons_of(outputs: Outputs) -> dict[int, str]:
    """Why rows were refused, by their numbers; of a model exported without `error` none was."""
    texts = outputs.get(ROW_ERROR, np.zeros(0, object))
    return {
        row: text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        for row, text in enumerate(texts)
        if text
    }


def require_answered(
    outputs: Outputs, names: Sequence[str] | None = None, where: str = ""
) -> dict[str, np.ndarray]:
    """The outputs without `error`, if every row was answered.

    Args:
        outputs: of a signature.
        names: what messages call the rows, if not "row 0", "row 1", ...
        where: begins the message.

    Raises:
        RefusedRowsError: some were not.
    """
    answer = {name: array for name, array in outputs.items() if name != ROW_ERROR}
    reasons = reasons_of(outputs)
    if reasons:
        raise RefusedRowsError(reasons, answer, names, where)
    return answer
