"""python -m benchmarks.loaders: asks every model through the C++ loaders of older versions of TensorFlow, and says
whether the answers are those of this version.

Each version is installed in an environment of its own, `.venv-tensorflow-<version>`, the first time. A model is asked
its warm-up requests, which ask every signature, and a row that it cannot answer.
"""

import os
import pickle
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.timing import table
from common import cli
from common.errors import UserError
from common.model_folders import SHIPPED_MODELS
from common.serving.server.model_sources import sources_in
from common.serving.server.warmup_requests import warmup_questions

ROOT = Path(__file__).resolve().parents[2]
TOLERANCE = 1e-3
BAD_ROWS: Mapping[str, Mapping[str, Any]] = {
    "image_captioning": {"image_bytes": [b"\xff\xd8\xff no picture"]},
    "speech_commands": {"audio_bytes": [b"no recording"]},
    "text_generation": {
        "prefix": [""],
        "length": [-1],
        "temperature": [0.0],
        "top_k": [0],
        "top_p": [1.0],
        "seed": [0],
    },
}

Question = tuple[str, Mapping[str, Any]]
Answer = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Options:
    """Which loaders are asked."""

    models: Path = SHIPPED_MODELS
    """Folder of model folders, each with numbered versions, of which the highest is asked."""
    versions: tuple[str, ...] = ("2.18.1", "2.19.1", "2.20.0")
    """Versions of TensorFlow."""


def main(options: Options) -> None:
    """Compares the answers of older loaders with this one's; exits with 1 if any differs."""
    pythons = {name: environment(name) for name in options.versions}
    shown = table(f"answers as of TensorFlow {version('tensorflow')}", "model", "questions", *pythons)
    all_equal = True
    sources = [source for source in sources_in(options.models, 1) if source.versions()]
    if not sources:
        raise UserError(f"--models {options.models}: no model in it")
    for source in sources:
        number, folder = max(source.versions().items())
        questions = questions_of(source.name, folder)
        expected = answers(Path(sys.executable), folder, questions)
        equal = [is_same(answers(python, folder, questions), expected) for python in pythons.values()]
        shown.add_row(
            f"{source.name}/{number}",
            str(len(questions)),
            *("equal" if one else "different" for one in equal),
        )
        all_equal &= all(equal)
    cli.console().print(shown)
    if not all_equal:
        sys.exit(cli.FAILED)


def environment(name: str) -> Path:
    """The Python of an environment with a version of TensorFlow, made where it is missing."""
    folder = ROOT / f".venv-tensorflow-{name}"
    python, mark = folder / "bin" / "python", folder / ".ready"
    if not mark.exists():
        cli.console(stderr=True).print(f"installing TensorFlow {name} in {folder.name}")
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-qq", f"tensorflow=={name}"], check=True)
        mark.touch()
    return python


def questions_of(application: str, folder: Path) -> list[Question]:
    """What a model is asked."""
    bad = [("serving_default", BAD_ROWS[application])] if application in BAD_ROWS else []
    return [*warmup_questions(folder), *bad]


def answers(python: Path, folder: Path, questions: Sequence[Question]) -> list[Answer]:
    """What a model answers through the loader of a Python's TensorFlow."""
    with TemporaryDirectory() as temporary:
        asked, answered = Path(temporary) / "questions", Path(temporary) / "answers"
        asked.write_bytes(pickle.dumps(list(questions)))
        command: list[str | Path] = [
            python,
            "-m",
            "benchmarks.loaders.worker",
            folder.resolve(),
            asked,
            answered,
        ]
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
        subprocess.run(command, cwd=ROOT, check=True, env=environ)
        given: list[Answer] = pickle.loads(answered.read_bytes())
        return given


def is_same(given: Sequence[Answer], expected: Sequence[Answer]) -> bool:
    """Whether all answers are equal, numbers to 0.1%."""
    return len(given) == len(expected) and all(
        one.keys() == other.keys() and all(map(_is_close, *zip(*_pairs(one, other), strict=True)))
        for one, other in zip(given, expected, strict=True)
    )


def _pairs(one: Answer, other: Answer) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    return ((array, other[name]) for name, array in one.items())


def _is_close(array: np.ndarray, other: np.ndarray) -> bool:
    if array.dtype.kind != "f":
        return array.shape == other.shape and bool(np.all(array == other))
    return array.shape == other.shape and np.allclose(array, other, rtol=TOLERANCE, atol=TOLERANCE)


if __name__ == "__main__":
    cli.run(main, Options)
