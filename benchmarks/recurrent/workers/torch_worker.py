"""PyTorch, eager, float32.

python -m benchmarks.recurrent.workers.torch_worker VARIANT THREADS
"""

import sys
from collections.abc import Callable

import torch

from benchmarks.recurrent.cases import Case
from benchmarks.recurrent.workers.protocol import serve


def build(case: Case) -> Callable[[], object]:
    """The case as an eager call."""
    layer = getattr(torch.nn, case.cell)(case.features, case.units, batch_first=True)
    inputs = torch.randn(case.batch, case.time, case.features)

    def infer() -> None:
        with torch.inference_mode():
            layer(inputs)

    inputs_of_training = inputs.clone().requires_grad_()

    def train() -> None:
        inputs_of_training.grad = None
        layer.zero_grad(set_to_none=True)
        layer(inputs_of_training)[0].square().sum().backward()

    return train if case.mode == "training" else infer


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[2]))
    serve(build)
