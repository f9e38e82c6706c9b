"""The states that go out of a model of streams and in again, before the first step."""

import numpy as np

from common.inference.runner import SavedModelRunner
from common.inference.signatures import TensorInfo


def first_states(runner: SavedModelRunner, signature: str, *, but: str) -> dict[str, np.ndarray]:
    """Zeros `[1, ...]`, or empty strings, for each input that is a state.

    Args:
        runner: of the model.
        signature: whose inputs they are.
        but: the input that is none.
    """
    inputs = runner.signatures[signature].inputs
    return {name: _first(info) for name, info in inputs.items() if name != but}


def _first(info: TensorInfo) -> np.ndarray:
    shape = (1, *(size or 0 for size in (info.shape or ())[1:]))
    return np.full(shape, b"", object) if info.dtype == "string" else np.zeros(shape, np.float32)
