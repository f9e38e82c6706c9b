"""How a contender's process talks: one JSON object per line in, one per line out. Standard library only.

{"prepare": {"cell": "LSTM", ...}}    builds the case and runs it twice       -> {} or {"error": "..."}
{"block": 0.2}                        runs the case for at least 0.2 seconds  -> {"milliseconds": 3.1,
                                      "cpu_seconds": 0.39, "wall_seconds": 0.2}
{"outcome": {"cell": "LSTM", ...}}    builds the case and runs it once        -> {"outcome": what it returns}
                                                                              or {"error": "..."}
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.recurrent.cases import Case

LEAST_ITERATIONS = 2


def serve(build: Callable[[Any], Callable[[], object]], case_type: type = Case) -> None:
    """Answers requests until standard input ends.

    Args:
        build: returns the function that runs a case once; it raises `NotImplementedError` for a case it does not have.
        case_type: the dataclass of a case.
    """
    answers = os.fdopen(os.dup(1), "w")
    # Whatever a library prints must not mix with the answers.
    os.dup2(2, 1)
    run: Callable[[], object] = lambda: None  # noqa: E731
    for line in sys.stdin:
        request = json.loads(line)
        answer: dict[str, Any] = {}
        try:
            if "prepare" in request:
                run = build(case_type(**request["prepare"]))
                run()
                run()
            elif "outcome" in request:
                answer = {"outcome": build(case_type(**request["outcome"]))()}
            else:
                answer = _timed_block(run, request["block"])
        except NotImplementedError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), file=answers, flush=True)


def _timed_block(run: Callable[[], object], seconds: float) -> dict[str, float]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    iterations = 0
    while iterations < LEAST_ITERATIONS or time.perf_counter() - started < seconds:
        run()
        iterations += 1
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - usage.ru_utime - usage.ru_stime
    return {"milliseconds": 1000 * wall / iterations, "cpu_seconds": cpu, "wall_seconds": wall}
