"""What is timed. Only the standard library is used here: every contender's environment imports this module."""

from dataclasses import dataclass

CELLS = ("LSTM", "GRU")
MODES = ("inference", "training")


@dataclass(frozen=True)
class Case:
    """One line of the table.

    Inference computes the outputs of all steps. Training computes the loss sum(outputs^2) and its gradients by the
    inputs and all weights. Inputs are `[batch, time, features]` in float32.
    """

    cell: str
    mode: str
    batch: int
    time: int
    features: int
    units: int

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Batch, time, features, units."""
        return (self.batch, self.time, self.features, self.units)
