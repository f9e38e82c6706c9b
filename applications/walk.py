"""Shows what the applications do: asks the shipped models, and walks the path from the sample to a model of one's own.

python -m applications.walk                     # all shipped models, then one short training
python -m applications.walk text_generation     # one application from its shipped model to one of your own
"""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

import tyro
from rich.markup import escape

from applications import catalogue
from common import cli
from common.application import Application, Question
from common.errors import FlagError, UserError
from common.files import atomic_write
from common.model_folders import SHIPPED_MODELS
from common.serving.json_values import request_body

QUICKEST = "sentiment_analysis"
"""Trains its sample model in less than a minute on 2 cores."""

_RUNS = Path("runs")
_SILENCE_SECONDS = 5.0


@dataclass(frozen=True)
class Options:
    """Which applications are walked from end to end."""

    applications: tyro.conf.Positional[tuple[str, ...]] = ()
    """Names of applications; without any, all shipped models are asked and then one sample model is trained."""
    everything: bool = False
    """Walk all applications; some train for half an hour."""
    questions: Path | None = None
    """Only write the pictures, recordings and tables that are asked about to this folder, <application>/<file>, and of
    each table the request to a server that asks the same, <file>.json."""

    def __post_init__(self) -> None:
        names = catalogue()
        for name in self.applications:
            if name not in names:
                raise FlagError(f"no application {name!r}; expected one of {', '.join(names)}")


def main(options: Options) -> None:
    """Asks the shipped models what they are made for, then trains, exports, measures and asks a model on the sample."""
    names, started = catalogue(), time.monotonic()
    if options.questions is not None:
        write_questions(names.values(), options.questions)
        return
    walked = list(names) if options.everything else list(options.applications)
    for name in walked or names:
        ask_shipped_model(names[name])
        if walked:
            walk(names[name])
    if not walked:
        walk(names[QUICKEST])
    cli.console().print(f"\n[bold]done in {time.monotonic() - started:.0f} seconds[/bold]")


def write_questions(applications: Iterable[Application], folder: Path) -> None:
    """Writes the files that questions are about, and says which."""
    for application in applications:
        for question in application.questions:
            if question.file:
                question.arguments(folder / application.name)
                path = folder / application.name / question.file
                print(path)
                if question.request:
                    request = path.with_name(f"{path.name}.json")
                    atomic_write(request, request_body(question.row(application.served_input)))
                    print(request)


def ask_shipped_model(application: Application) -> None:
    """Prints each question and the answer of the application's shipped model, if it has one."""
    model = SHIPPED_MODELS / application.name / "1"
    if model.is_dir():
        _title(f"{application.title}: the shipped model ({application.summary})")
        _ask(application, application.questions, model)
    else:
        _title(f"{application.title}: no model is shipped")


def walk(application: Application) -> None:
    """Trains on the sample, exports, evaluates on the part that training has never seen, and asks the new model."""
    name, run = application.name, _RUNS / application.name / "sample"
    models = run / "saved_models"
    _title(f"{application.title}: a model of your own, trained on the sample from nothing")
    _run(name, "train", "sample", "--overwrite", *application.sample_training)
    rmtree(models, ignore_errors=True)
    _run(name, "export", "--run", str(run), "--output", str(models / name))
    _title(f"{application.title}: measured on the part of the sample that training has never seen")
    _run(
        name,
        "evaluate",
        "--model",
        str(models / name),
        "--data",
        "sample",
        "--output",
        str(run / "evaluation"),
    )
    _title(f"{application.title}: answers of the new model")
    _ask(application, application.sample_questions or application.questions, models / name)


def _ask(application: Application, questions: Sequence[Question], model: Path) -> None:
    """Asks each question in a process of its own: all begin at once, and are shown one after another."""
    folder = _RUNS / application.name / "questions"
    commands = [
        _command(application.name, "predict", "--model", str(model), *question.arguments(folder))
        for question in questions
    ]
    with ExitStack() as running:
        processes = [running.enter_context(_started(command)) for command in commands]
        for question, command, process in zip(questions, commands, processes, strict=True):
            cli.console().print(f"[bold]? {escape(question.asked)}[/bold]")
            _show(command, process)


def _run(application: str, script: str, *arguments: str) -> None:
    command = _command(application, script, *arguments)
    with _started(command) as process:
        _show(command, process)


def _command(application: str, script: str, *arguments: str) -> list[str]:
    return ["-m", f"applications.{application}.{script}", *arguments]


@contextmanager
def _started(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """A process of Python, which does not outlive the block."""
    with subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, text=True, bufsize=1, errors="replace"
    ) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def _show(command: Sequence[str], process: subprocess.Popen[str]) -> None:
    """Prints a command and what its process says, and raises UserError if that fails."""
    cli.console().print(f"$ python {subprocess.list2cmdline(command)}", style="dim", markup=False)
    with signs_of_life() as said:
        assert process.stdout is not None
        for line in process.stdout:
            said()
            print(line, end="", flush=True)
        process.wait()
    if process.returncode:
        script = command[1].removeprefix("applications.").replace(".", " ")
        raise UserError(f"{script} ended with status {process.returncode}")


@contextmanager
def signs_of_life() -> Iterator[Callable[[], None]]:
    """Prints how long the work goes on whenever nothing was said for some seconds; yields what is called when
    something is said."""
    started = last = time.monotonic()
    done = threading.Event()

    def said() -> None:
        nonlocal last
        last = time.monotonic()

    def watch() -> None:
        while not done.wait(0.5):
            if time.monotonic() - last >= _SILENCE_SECONDS:
                cli.console(stderr=True).print(f"  ... {time.monotonic() - started:.0f} seconds", style="dim")
                said()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield said
    finally:
        done.set()
        watcher.join()


def _title(text: str) -> None:
    cli.console().print(f"\n[bold]== {escape(text)}[/bold]")


if __name__ == "__main__":
    cli.run(main, Options)
