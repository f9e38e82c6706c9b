"""A process that reads and writes JSON for the server, so that a large request holds up no other.

Python runs one thread at a time, and the JSON of a large request takes it for seconds. The server sends the name of a
function of `json_work` and its arguments, pickled, to this process's standard input, and reads the result, or what was
raised, from its standard output. The process ends with its input.
"""

import gc
import importlib.util
import os
import pickle
import sys
from types import ModuleType
from typing import BinaryIO


def main() -> None:
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Whatever a library prints must not come between the answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _spare_tensorflow()
    from common.serving.server import json_work

    # Looking for cycles among a million lists takes longer than reading them.
    gc.disable()
    while _answer_one(json_work, answers):
        gc.collect()


def _answer_one(functions: ModuleType, answers: BinaryIO) -> bool:
    try:
        name, arguments = pickle.load(sys.stdin.buffer)
    except EOFError:
        return False
    try:
        result = True, getattr(functions, name)(*arguments)
    except Exception as error:
        result = False, error
    pickle.dump(result, answers, protocol=pickle.HIGHEST_PROTOCOL)
    answers.flush()
    return True


def _spare_tensorflow() -> None:
    """Lets TensorFlow's message classes be imported without TensorFlow, which takes seconds and much memory."""
    package = importlib.util.find_spec("tensorflow")
    assert package is not None
    bare = ModuleType("tensorflow")
    bare.__path__ = list(package.submodule_search_locations or ())
    sys.modules["tensorflow"] = bare


if __name__ == "__main__":
    main()
