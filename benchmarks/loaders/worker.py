"""python -m benchmarks.loaders.worker MODEL QUESTIONS ANSWERS: runs by the TensorFlow of the Python that runs it.

Questions are a pickled list of (signature, inputs), answers one of outputs.
"""

import pickle
import sys
from pathlib import Path

from common.inference.runner import SavedModelRunner


def main(model: str, questions: str, answers: str) -> None:
    """Asks a SavedModel and writes what it answers."""
    with SavedModelRunner(Path(model)) as runner:
        asked = pickle.loads(Path(questions).read_bytes())
        Path(answers).write_bytes(pickle.dumps([runner.run(name, **inputs) for name, inputs in asked]))


if __name__ == "__main__":
    main(*sys.argv[1:])
