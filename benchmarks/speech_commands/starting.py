"""Seconds from the start of a process to the first answer, the label of the word in a WAV file."""

import subprocess
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from benchmarks.speech_commands.networks import Network
from benchmarks.timing import in_turn

ROOT = Path(__file__).resolve().parents[2]
PREDICT, PYTHON_LOADER = "predict", "tf.saved_model.load"
_MODULES = {
    PREDICT: ("applications.speech_commands.predict", "--model"),
    PYTHON_LOADER: ("benchmarks.speech_commands.python_loader",),
}


def start_times(
    networks: Mapping[str, Network], recording: Path, rounds: int
) -> dict[tuple[str, str], list[float]]:
    """Seconds to the first answer for each kind of model and contender, in each round; they take turns.

    Raises:
        RuntimeError: contenders answer differently, or not at all.
    """
    cases = {(kind, name): (name, networks[kind].folder, recording) for kind in networks for name in _MODULES}
    # Files that are read for the first time come from the disk, later from memory.
    labels = {case: first_answer(*arguments)[0] for case, arguments in cases.items()}
    for kind in networks:
        if labels[kind, PREDICT] != labels[kind, PYTHON_LOADER]:
            raise RuntimeError(
                f"{kind}: {labels[kind, PREDICT]!r} and {labels[kind, PYTHON_LOADER]!r} differ"
            )
    return in_turn({case: partial(_start_time, *arguments) for case, arguments in cases.items()}, rounds)


def first_answer(contender: str, model: Path, recording: Path) -> tuple[str, float]:
    """The label that a fresh process answers, and after how many seconds its line is there.

    Raises:
        RuntimeError: the process fails or says nothing.
    """
    command = [sys.executable, "-m", *_MODULES[contender], str(model), str(recording)]
    started = time.perf_counter()
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        elapsed = time.perf_counter() - started
        _, errors = process.communicate()
    if process.returncode or not line.strip():
        raise RuntimeError(f"{contender}: no answer; {' '.join(errors.splitlines()[-1:])}")
    return line.split("\t")[0].strip(), elapsed


def _start_time(contender: str, model: Path, recording: Path) -> float:
    return first_answer(contender, model, recording)[1]
