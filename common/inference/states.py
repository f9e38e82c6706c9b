"""The states that go out of a model of streams and in again, before the first step."""

import numpy as np

from common.inference.runner import SavedModelRunner


def first_states(runner: SavedModelRunner, signature: str, *, but: str) -> dict[str, np.ndarray]:
    """Zeros `[1, ...]` for each input that is a state.

    Args:
        runner: of the model.
        signature: whose inputs they are.
        but: the input that is none.
    """
    inputs = runner.signatures[signature].inputs
    shapes = {name: info.shape or () for name, info in inputs.items() if name != but}
    return {
        name: np.zeros((1, *(size or 0 for size in shape[1:])), np.float32) for name, shape in shapes.items()
    }
