"""Keeps what TensorFlow prints while it loads away from users; errors and Python's own warnings stay visible."""

import importlib.util
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType, TracebackType
from typing import Any

_SETTINGS = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "GRPC_VERBOSITY": "ERROR",
    "KERAS_BACKEND": "tensorflow",
}

_INFORMATIONAL = (b"I0000 ", b"WARNING: All log messages before absl::InitializeLog()")


def quiet_tensorflow(is_script: bool = False) -> None:
    """Makes the first `import tensorflow` of this process silent. A variable that the user has set is left as it is.

    Ctrl-C, while what `python -m` runs imports its libraries, is one line; `common.cli` sees to what comes later.

    The notes on processors and drivers that its libraries print on loading are removed; what else they print is shown.

    Args:
        is_script: whether the caller is that script itself, rather than one of the packages around it.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    if is_script or sys.argv[:1] == ["-m"]:
        _say_little_on_interrupt()
    if "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _QuietFinder())


def _say_little_on_interrupt() -> None:
    shown = sys.excepthook

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            print("error: interrupted", file=sys.stderr)
        else:
            shown(kind, error, trace)

    sys.excepthook = show


class _QuietFinder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Any = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_quietly(module: ModuleType) -> None:
                with start_up_messages_removed():
                    load(module)

            spec.loader.exec_module = load_quietly  # type: ignore[method-assign]
        return spec


@contextmanager
def start_up_messages_removed() -> Iterator[None]:
    """Drops the informational lines that TensorFlow's C++ code writes to standard error during the block.

    While its libraries load, TensorFlow does not heed TF_CPP_MIN_LOG_LEVEL; afterwards it does. Unless the user has set
    it, it becomes 3: what TensorFlow logs as errors are notes too (no GPU found, no fast kernel for a type), and what
    fails is raised. A user who sets it to 0 sees everything. What Python prints is not held back.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", _SETTINGS["TF_CPP_MIN_LOG_LEVEL"]) == "0":
        yield
        return
    descriptor = 2
    shown, python_stderr = os.dup(descriptor), sys.stderr
    with tempfile.TemporaryFile() as captured, open(shown, "w", closefd=False) as still_visible:
        os.dup2(captured.fileno(), descriptor)
        sys.stderr = still_visible
        try:
            yield
        finally:
            sys.stderr = python_stderr
            _redirect_loggers(still_visible, python_stderr)
            os.dup2(shown, descriptor)
            captured.seek(0)
            os.write(shown, b"".join(line for line in captured if not line.startswith(_INFORMATIONAL)))
            os.close(shown)


def _redirect_loggers(old: Any, new: Any) -> None:
    """Lets what was set up to log to the one stream log to the other."""
    loggers = [logging.getLogger(), *(logging.getLogger(name) for name in logging.root.manager.loggerDict)]
    for handler in (handler for logger in loggers for handler in logger.handlers):
        if isinstance(handler, logging.StreamHandler) and handler.stream is old:
            handler.setStream(new)
