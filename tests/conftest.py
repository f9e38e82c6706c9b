"""Settings of all tests."""

import os
import random
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

# A loaded machine is no defect of the code, so hypothesis judges results and never time.
# Each run draws other examples, so half as many as usual in each are enough where a test does not say how many.
settings.register_profile(
    "untimed", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("untimed")

if TYPE_CHECKING:
    from common.inference.runner import SavedModelRunner

SLOW_FIXTURES = {"made", "exported_stream"}
"""What trains a model."""
SHARED_FOLDERS = {"page"}
"""Whose files share what is slow to start: a server with all models, and a browser."""
SLOW_FOLDERS = {"integration", "deployment", "benchmarks", "saved_models"}
"""Where shipped models are asked, and programs are built and started."""
FOLDERS_OF_APPLICATIONS = {"applications", "integration"}
"""Where tests that take an application ask a model of it."""
WITHOUT_GRAPPLER = b"\x52\x05\x52\x03\x98\x01\x01"
"""TensorFlow's `ConfigProto(graph_options.rewrite_options.disable_meta_optimizer=True)`."""
LEAST_TRACED_FOLDERS = {"applications", "benchmarks"}
"""Where models are made of the layers whose tests stand elsewhere."""


def _seed() -> None:
    # Not imported above: the process that only hands out the tests would begin with it, and the others wait.
    import keras

    keras.utils.set_random_seed(0)


@pytest.fixture(scope="module", autouse=True)
def _seeded_module() -> None:
    """What a file's fixtures build begins with the same weights in every run."""
    _seed()


def _seed_alone(context: Any, seed: int) -> None:
    context._seed, context._rng = seed, random.Random(seed)


@pytest.fixture(autouse=True)
def _seeded_test() -> None:
    """A test's own models and draws do not depend on the tests before it.

    TensorFlow would throw away all its kernels too, for those that keep a state of their own between draws, which no
    code here has; each graph that the tests of a file share would be made ready to run again in each of them.
    """
    from tensorflow.python.eager.context import Context

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Context, "_set_global_seed", _seed_alone)
        _seed()


@pytest.fixture(scope="module")
def quickly_traced():
    """Recurrent loops are unrolled less, which changes how long graphs take to be made and no result."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("common.layers.recurrence.steps.STEPS_PER_ITERATION", 1)
        yield


@pytest.fixture(scope="session")
def config_without_grappler() -> bytes:
    """The configuration of a session that runs graphs as they were written."""
    return WITHOUT_GRAPPLER


@pytest.fixture(scope="session")
def without_grappler(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """From a version of a SavedModel to the same with functions that ask to be run as they were written."""
    return partial(_without_grappler, folders=tmp_path_factory)


@pytest.fixture(scope="session")
def loaded_once(without_grappler: Callable[[Path], Path]) -> "Callable[..., SavedModelRunner]":
    """From a version to its runner, for all tests: its first answers, which TensorFlow prepares it for, take long.

    Half of that is Grappler's work, which is left out: it pays after a thousand answers. Servers, notebooks and the
    program in C are asked shipped models as they are. Whoever is given a runner may close it, which leaves it open for
    the others.
    """
    from common.inference import runner

    class Shared(runner.SavedModelRunner):
        def close(self) -> None:
            """Leaves it open."""

    @cache
    def load(path: Path) -> "SavedModelRunner":
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(runner, "_session_config", lambda *_: WITHOUT_GRAPPLER)
            shared = Shared(without_grappler(path))
        shared.path = path
        return shared

    return load


@pytest.fixture(scope="session")
def assert_javascript_makes_the_same() -> Callable[[Path], None]:
    """Lets node hold `frontend.js` to a golden file."""

    def run(version: Path) -> None:
        code = Path(__file__).parent / "common" / "serving" / "frontend.test.mjs"
        command = ["node", "--test", "--test-reporter=tap", str(code)]
        done = subprocess.run(
            command, env={**os.environ, "FOLDER": str(version)}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout[-4000:]
        passed = re.search(r"(?m)^# pass (\d+)$", done.stdout)
        assert passed
        assert int(passed[1]) > 20

    return run


def _without_grappler(version: Path, folders: pytest.TempPathFactory) -> Path:
    """The same SavedModel, each of whose functions asks to be run as it was written."""
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    file = "saved_model.pb"
    try:
        saved_model = SavedModel.FromString((version / file).read_bytes())
    except (FileNotFoundError, DecodeError):
        return version
    graph = saved_model.meta_graphs[0].graph_def
    for nodes in (graph.node, *(function.node_def for function in graph.library.function)):
        for node in nodes:
            if "config_proto" in node.attr:
                node.attr["config_proto"].s = WITHOUT_GRAPPLER
    folder = folders.mktemp("without_grappler")
    (folder / file).write_bytes(saved_model.SerializeToString())
    for entry in version.absolute().iterdir():
        if entry.name != file:
            (folder / entry.name).symlink_to(entry)
    return folder


@contextmanager
def _run_as_written() -> Iterator[None]:
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})


@contextmanager
def _least_traced() -> Iterator[None]:
    """Recurrent loops are unrolled less, take each batch whole and not in pieces for each core, and are one for batches
    of any size: a graph holds a fifth of the operations and computes the same, as the tests of the layers say. Nor does
    Grappler optimise what runs a few times.
    """
    from common.layers.recurrence import loops

    with pytest.MonkeyPatch.context() as patch, _run_as_written():
        patch.setattr("common.layers.recurrence.steps.STEPS_PER_ITERATION", 1)
        patch.setattr("common.layers.recurrent._shards", lambda _: 1)
        patch.setattr("common.layers.attention_decoder._SHARDS", 1)
        patch.setattr("common.layers.recurrence.loops._train", partial(loops._few_rows, differentiable=True))
        patch.setattr("common.layers.recurrence.loops._infer", loops._one_kernel)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """What applications and benchmarks make, in a test or for all tests, is traced as little as can be: they are asked
    what they compute, and not how fast.
    """
    folder = item.path.relative_to(item.config.rootpath).parts[1]
    with _least_traced() if folder in LEAST_TRACED_FOLDERS else nullcontext():
        return (yield)


@pytest.hookimpl(tryfirst=True)  # xdist names the groups when its own turn comes
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps an application's tests in one process, so that the model they share is trained and exported once, and the
    shipped one loaded once, and marks those that need it, or take long for another reason that their folder tells, as
    slow.
    """
    for item in items:
        path = item.path.relative_to(item.config.rootpath)
        application = getattr(item, "callspec", None) and item.callspec.params.get("application")
        of_all = application and path.parts[1] in FOLDERS_OF_APPLICATIONS
        shared = Path("tests", "applications", application) if of_all else path.parent
        is_shared = shared.parent.name == "applications" or shared.name in SHARED_FOLDERS
        item.add_marker(pytest.mark.xdist_group(str(shared if is_shared else path)))
        if SLOW_FIXTURES & set(getattr(item, "fixturenames", ())) or path.parts[1] in SLOW_FOLDERS:
            item.add_marker(pytest.mark.slow)
