"""Keeps what TensorFlow's libraries print while they load away from users; errors and Python's warnings stay visible."""

import importlib.util
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_SETTINGS = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "GRPC_VERBOSITY": "ERROR",
    "KERAS_BACKEND": "tensorflow",
}


def quiet_tensorflow() -> None:
    """Makes the first `import tensorflow` of this process silent. A variable that the user has set is left as it is.

    The notes on processors and drivers that the libraries print on loading obey no setting, so standard error is held
    back, for C code alone, while the package loads; it is shown after all if the import fails.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    if "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _QuietFinder())


class _QuietFinder(MetaPathFinder):
    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_quietly(module: ModuleType) -> None:
                with _native_stderr_held_back():
                    load(module)

            spec.loader.exec_module = load_quietly  # type: ignore[method-assign]
        return spec


@contextmanager
def _native_stderr_held_back() -> Iterator[None]:
    descriptor = 2
    shown, python_stderr = os.dup(descriptor), sys.stderr
    with tempfile.TemporaryFile() as held_back, io.open(shown, "w", closefd=False) as still_visible:
        os.dup2(held_back.fileno(), descriptor)
        sys.stderr = still_visible
        try:
            yield
        except BaseException:
            held_back.seek(0)
            os.write(shown, held_back.read())
            raise
        finally:
            sys.stderr = python_stderr
            os.dup2(shown, descriptor)
            os.close(shown)
