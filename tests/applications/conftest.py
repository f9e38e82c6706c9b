"""What the tests of all applications share: how scripts are run and stopped, and what is made once of each application.

An application gives its `case.py`: `write_data`, `write_unusable_data`, `write_evaluation_data` and `write_question`
write files to a folder and return the flags for them; `TRAINING` are the flags of a training that takes seconds, with
two epochs or more in each of its `PHASES` (folders of a run); `EXPORT` are those of its export; `EXAMPLES` are what
`serving_default` takes as its `served_input`, if the warm-up requests are not enough. Where a model answers only about
data like that of its training, `question` is what the tiny one is asked in place of the declared questions.
"""

import base64
import csv
import importlib
import importlib.util
import io
import json
import multiprocessing
import os
import runpy
import shutil
import subprocess
import sys
import time
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, get_type_hints

import numpy as np
import pytest

from common import cli
from common.export.runtimes import package
from common.training.run_folder import load_config

REPOSITORY = Path(__file__).parents[2]

# Half of a training of seconds would be the import of TensorFlow and Keras.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["applications", "tensorflow", "keras"])


class Shown(NamedTuple):
    """What a script exits with, prints and complains of."""

    status: int
    out: str
    err: str


class Forked:
    """A module that runs as a shell would run it, but that TensorFlow and Keras are there when it begins."""

    def __init__(self, module, arguments, folder) -> None:
        self.shown = folder / f"forked-{time.monotonic_ns()}"
        self.shown.mkdir()
        given = {
            "module": module,
            "arguments": [str(one) for one in arguments],
            "folder": str(folder),
            "environment": environment(),
            "out": str(self.shown / "out"),
            "err": str(self.shown / "err"),
        }
        code = Path(__file__).with_name("forked.py")
        self.process = _FORKS.Process(target=runpy.run_path, args=(str(code), given))
        self.process.start()

    def ended(self, seconds):
        """What it shows once it ends."""
        self.process.join(seconds)
        status = self.process.exitcode
        if status is None:
            self.process.kill()
            raise TimeoutError(f"it did not end in {seconds} seconds")
        shown = Shown(status, *((self.shown / name).read_text("utf-8") for name in ("out", "err")))
        shutil.rmtree(self.shown)
        return shown


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

    def begin(self, script, *arguments):
        """Begins a script that trains or exports, as a shell would in `folder`, but for what saves time."""
        return Forked(f"applications.{self.application}.{script}", arguments, self.folder)

    def run_quickly(self, script, *arguments):
        """Runs it to its end."""
        return self.begin(script, *arguments).ended(600)

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
        return self.run_quickly("train", *self.training_flags)

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
        return self.run_quickly("export", "--run", run, *self.case.EXPORT)

    @cached_property
    def exported(self):
        """The version that was exported: <folder>/<application>/1."""
        assert (self.export.status, self.export.err) == (0, "")
        return self.folder / "saved_models" / self.application / "1"


def environment():
    """Of a script that is run in a folder of its own: it finds this checkout, and no other's models."""
    known = {name: value for name, value in os.environ.items() if name != "RECURRENT_APPLICATIONS_MODELS"}
    return {**known, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}


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


@pytest.fixture(scope="module", autouse=True)
def models_loaded_once(loaded_once):
    """The predictors of all tests share what answers with their version."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("common.predicting.predictor.SavedModelRunner", loaded_once)
        yield


@pytest.fixture(scope="module")
def runner(exported, loaded_once):
    """What answers with the SavedModel."""
    return loaded_once(exported)


@pytest.fixture(scope="module")
def predictor(application, exported):
    """The application's predictor of the SavedModel."""
    room = importlib.import_module(f"applications.{application}.predict")
    return room.Predictor(exported, batch_size=4)


@pytest.fixture(scope="session")
def stop():
    """Lets a `Forked` run until the log in a folder tells of so many epochs, and sends it a signal -> how it ended."""

    def run(begun, folder, epochs, stop_signal):
        log, deadline = folder / "log.csv", time.monotonic() + 400
        while not (log.exists() and log.read_text().count("\n") > epochs):
            assert begun.process.is_alive(), "the training ended before it could be stopped"
            assert time.monotonic() < deadline
            time.sleep(0.002)
        os.kill(begun.process.pid, stop_signal)
        return begun.ended(120)

    return run


@pytest.fixture(scope="session")
def epochs_of():
    """From a run's folder to what its log tells of each epoch, but for how long it took."""

    def read(folder):
        with (folder / "log.csv").open() as file:
            rows = list(csv.DictReader(file))
        return [{name: float(value) for name, value in row.items() if name != "seconds"} for row in rows]

    return read


@pytest.fixture(scope="session")
def converted_from():
    """Exports an application's model by these flags for another runtime -> its folder, and the core of it."""

    def export(application, *flags):
        room, given = importlib.import_module(f"applications.{application}.export"), []

        def publish_package(core, *rest):
            given.append(core)
            return package.publish_package(core, *rest)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("common.export.script.publish_package", publish_package)
            patch.setattr(sys, "argv", ["script", *map(str, flags)])
            with pytest.raises(SystemExit) as ended:
                cli.run(room.main, get_type_hints(room.main)["options"])
        assert ended.value.code == 0
        return Path(flags[flags.index("--output") + 1]) / "1", given.pop()

    return export


@pytest.fixture(scope="module", params=["litert", "onnx"])
def converted_stream(request, application, exported_stream, converted_from, tmp_path_factory):
    """The folder of the application's tiny streaming model for another runtime, and the core that it was made of."""
    flags = ("--run", exported_stream, "--format", request.param)
    return converted_from(application, *flags, "--output", tmp_path_factory.mktemp(request.param))


def _served(runner, core, example):
    """What the SavedModel answers after the last step of an example."""
    if core.graph.name == "encode":
        by_sound = "waveform" in runner.signatures
        name, given = (
            ("waveform", {"waveform": [_sound(example, core)]}) if by_sound else ("serving_default", None)
        )
        return runner.run(name, **(given or {"text": [example.raw]}))
    signature = runner.signatures["step"]
    states = {
        name: np.zeros([1, *tensor.shape[1:]], np.float32)
        for name, tensor in signature.inputs.items()
        if name.startswith("state")
    }
    hears = "audio" in signature.inputs
    sound = _sound(example, core).reshape(example.count, 1, -1) if hears else None
    for index in range(example.count):
        inputs = {"audio": sound[index]} if hears else {n: one[index] for n, one in example.steps.items()}
        outputs = runner.run("step", **inputs, **states)
        states = {name: outputs[name] for name in states}
    return {name: values[:, 0] for name, values in outputs.items() if values.ndim > 1} if hears else outputs


def _sound(example, core):
    """The samples of a golden file's sound, followed by zeros up to the length of a clip."""
    pcm = np.frombuffer(base64.b64decode(example.raw["pcm16"]), "<i2").astype(np.float32) / 2**15
    return np.pad(pcm, (0, max(core.frontend.get("clip_samples", 0) - len(pcm), 0)))


@pytest.fixture(scope="session")
def assert_as_served():
    """Holds the golden answers of another runtime to those of the SavedModel that the same weights are in."""

    def compare(version, core, runner):
        golden = json.loads((version / "golden.json").read_text("utf-8"))["examples"]
        assert len(golden) >= 20
        for example, told in list(zip(core.examples, golden, strict=True))[::3]:
            served = _served(runner, core, example)
            for name in core.scores:
                shown = told["outputs"][name]
                values = np.ravel(shown.get("values", shown.get("first")))
                expected = served[name][0].ravel()[: len(values)]
                np.testing.assert_allclose(values, expected, atol=1e-4, err_msg=f"{name} of {example.raw}")

    return compare


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
def script(application, exported, in_process):
    """Runs `predict` of the application in this process, with its tiny model unless another is given."""
    predict = importlib.import_module(f"applications.{application}.predict")

    def run(*arguments, data=b"", model=exported):
        return in_process(predict.main, predict.Options, "--model", model, *arguments, data=data)

    return run
