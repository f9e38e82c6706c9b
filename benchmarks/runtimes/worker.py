"""python -m benchmarks.runtimes.worker FILE: one runtime in a process of its own, with NumPy and nothing besides.

FILE is a SavedModel's folder or a graph of another runtime. The first line that it writes is a JSON object: CPU seconds
up to the first answer, and bytes of memory after it. Then it reads numbers of steps, line by line, and writes the CPU
seconds that so many steps took. States go from step to step.
"""

import json
import re
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

Arrays: TypeAlias = Mapping[str, np.ndarray]
Step: TypeAlias = Callable[[Arrays], dict[str, np.ndarray]]
_STATE, _AFTER = "state", "_after"


def opened(path: Path) -> tuple[Step, dict[str, np.ndarray]]:
    """The step of a model, and the inputs of its first: zeros."""
    if path.is_dir():
        from common.inference.runner import SavedModelRunner

        runner = SavedModelRunner(path, threads=1)
        tensors = runner.signatures["step"].inputs
        shapes = {name: (one.dtype, [1, *(one.shape or ())[1:]]) for name, one in tensors.items()}
        return lambda inputs: runner.run("step", **inputs), _zeros(shapes)
    from common.export.runtimes.host import opened as opened_graph

    facts = json.loads((path.parent / "frontend.json").read_text("utf-8"))["graph"]["inputs"]
    return opened_graph(path), _zeros({name: (fact["dtype"], fact["shape"]) for name, fact in facts.items()})


def _zeros(shapes: Mapping[str, tuple[str, list[Any]]]) -> dict[str, np.ndarray]:
    return {name: np.zeros(shape, np.dtype(kind)) for name, (kind, shape) in shapes.items()}


def next_inputs(inputs: Arrays, outputs: Arrays) -> dict[str, np.ndarray]:
    """The inputs with the states that a step gave, under their own names or with `_after` behind."""
    states = {
        name.removesuffix(_AFTER): values for name, values in outputs.items() if name.startswith(_STATE)
    }
    return {**inputs, **states}


def memory() -> int:
    """Bytes of memory that this process holds."""
    status = Path("/proc/self/status").read_text("utf-8")
    found = re.search(r"(?m)^VmRSS:\s+(\d+) kB$", status)
    return 1024 * int(found[1]) if found else 0


def main(path: str) -> None:
    """Answers requests for steps until there are none."""
    step, inputs = opened(Path(path))
    inputs = next_inputs(inputs, step(inputs))
    print(json.dumps({"first": time.process_time(), "memory": memory()}), flush=True)
    for line in sys.stdin:
        begun = time.process_time()
        for _ in range(int(line)):
            inputs = next_inputs(inputs, step(inputs))
        print(time.process_time() - begun, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
