"""What the tests of all applications share: how scripts are run and stopped, and what is made once of each application.

An application gives its `case.py`: `write_data`, `write_unusable_data`, `write_evaluation_data` and `write_question`
write files to a folder and return the flags for them; `TRAINING` are the flags of a training that takes seconds, with
two epochs or more in each of its `PHASES` (folders of a run); `EXPORT` are those of its export; `EXAMPLES` are what
`serving_default` takes as its `served_input`, if the warm-up requests are not enough. Where a model answers only about
data like that of its training, `question` is what the tiny one is asked in place of the declared questions.
"""

import csv
import importlib
import importlib.util
import io
import os
import signal
import subprocess
import sys
import time
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from common import cli
from common.inference.runner import SavedModelRunner
from common.training.run_folder import load_config

REPOSITORY = Path(__file__).parents[2]

# A matter of speed alone: half of a training of seconds is the tracing of unrolled loops.
QUICKLY_TRACED = """
import runpy, applications
from common.layers.recurrence import steps
steps.STEPS_PER_ITERATION = 2
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""

loaded_once = cache(SavedModelRunner)


class Shown(NamedTuple):
    """What a script exits with, prints and complains of."""

    status: int
    out: str
    err: str


class Made:
    """Of an application: data of its own, a finished training and its SavedModel, each made once, by the scripts."""

    def __init__(self, application: str, folder: Path) -> None:
        self.application, self.folder = application, folder
        path = Path(__file__).parent / application / "case.py"
        spec = importlib.util.spec_from_file_location(f"case_of_{application}", path)
        self.case: ModuleType = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.case)

    def new_folder(self, name):
        """A new folder of this name."""
        (self.folder / name).mkdir()
        return self.folder / name

    def quick_command(self, script, *arguments):
        """A script that trains or exports, as a shell runs it, but for how many steps its loops unroll."""
        code = QUICKLY_TRACED.format(module=f"applications.{self.application}.{script}")
        return "-c", code, *map(str, arguments)

    def run(self, script, *arguments):
        """Runs a script to its end, as a shell would in `folder`."""
        return self.shown("-m", f"applications.{self.application}.{script}", *arguments)

    def shown(self, *arguments):
        """What Python with these arguments shows, run in `folder`."""
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=self.folder,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=600,
        )
        return Shown(done.returncode, done.stdout, done.stderr)

    @cached_property
    def data(self):
        """The flags for the data."""
        return self.case.write_data(self.new_folder("data"))

    @property
    def data_folder(self):
        """Where the data lies."""
        return self.data and self.folder / "data"

    @cached_property
    def training_flags(self):
        """The flags of the training."""
        return ("tiny", *self.data, *self.case.TRAINING)

    @cached_property
    def training(self):
        """What the training printed."""
        return self.shown(*self.quick_command("train", *self.training_flags))

    @cached_property
    def finished_run(self):
        """The folder of the training, which was never interrupted."""
        assert (self.training.status, self.training.err) == (0, "")
        return self.folder / "runs" / self.application / "tiny"

    @cached_property
    def config(self):
        """What it was configured with."""
        kind = importlib.import_module(f"applications.{self.application}.config").Config
        return load_config(self.finished_run, kind)

    @cached_property
    def export(self):
        """What the export printed."""
        run = self.finished_run.relative_to(self.folder)
        return self.shown(*self.quick_command("export", "--run", run, *self.case.EXPORT))

    @cached_property
    def exported(self):
        """The version that was exported: <folder>/<application>/1."""
        assert (self.export.status, self.export.err) == (0, "")
        return self.folder / "saved_models" / self.application / "1"


def environment():
    """Of a script that is run in a folder of its own: it finds this checkout, and no other's models."""
    known = {name: value for name, value in os.environ.items() if name != "RECURRENT_APPLICATIONS_MODELS"}
    return {**known, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="module", autouse=True)
def _quickly_traced(quickly_traced):
    """In this process, too."""


@pytest.fixture(scope="session")
def made_of(tmp_path_factory):
    """From an application's name to what is made of it once."""
    return cache(lambda application: Made(application, tmp_path_factory.mktemp(application)))


@pytest.fixture(scope="module")
def application(request):
    """The application whose tests these are."""
    return request.path.parent.name


@pytest.fixture(scope="module")
def made(made_of, application):
    """What is made of the application once: see `Made`."""
    return made_of(application)


@pytest.fixture(scope="module")
def finished_run(made):
    """The folder of a finished training."""
    return made.finished_run


@pytest.fixture(scope="module")
def tiny_config(made):
    """What it was configured with."""
    return made.config


@pytest.fixture(scope="module")
def exported(made):
    """The folder of its SavedModel."""
    return made.exported


@pytest.fixture(scope="session")
def stop():
    """Runs a script until the log in a folder tells of so many epochs, and sends it a signal -> how it ended."""

    def run(script, cwd, folder, epochs, stop_signal):
        process = subprocess.Popen(
            [sys.executable, *script],
            cwd=cwd,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            # A shell lets what it starts in the background ignore Ctrl-C, and the tests may have been started so.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        log, deadline = folder / "log.csv", time.monotonic() + 400
        while not (log.exists() and log.read_text().count("\n") > epochs):
            assert process.poll() is None, "the training ended before it could be stopped"
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(stop_signal)
        _, err = process.communicate(timeout=120)
        return Shown(process.returncode, "", err)

    return run


@pytest.fixture(scope="session")
def epochs_of():
    """From a run's folder to what its log tells of each epoch, but for how long it took."""

    def read(folder):
        with (folder / "log.csv").open() as file:
            rows = list(csv.DictReader(file))
        return [{name: float(value) for name, value in row.items() if name != "seconds"} for row in rows]

    return read


@pytest.fixture
def in_process(monkeypatch, capsys):
    """Runs a script's `main` with its flags as a shell would start it, but in this process."""

    def run(main, options, *arguments, data=b"", **presets):
        monkeypatch.setattr(sys, "argv", ["script", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        # What a fixture printed as it trained in this test is not the script's.
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.run(main, options, **presets)
        return Shown(ended.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def script(application, exported, monkeypatch, in_process):
    """Runs `predict` of the application in this process, with its tiny model unless another is given."""
    name = f"applications.{application}.predict"
    predict = importlib.import_module(name)
    monkeypatch.setattr("common.predicting.predictor.SavedModelRunner", loaded_once)

    def run(*arguments, data=b"", model=exported):
        return in_process(predict.main, predict.Options, "--model", model, *arguments, data=data)

    return run
