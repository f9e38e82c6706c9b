"""Ctrl-C before the first epoch ends a training soon, in one line, and leaves nothing in the way of the next start."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]

SOON = 5.0
"""Seconds; about 0.2 where the cores have nothing else to do."""


@pytest.mark.parametrize("begun", ["training: ", "vocabulary: "], ids=["reading", "tracing"])
def test_ctrl_c_before_the_first_epoch(tmp_path, begun):
    process = subprocess.Popen(
        [sys.executable, "-m", "applications.sentiment_analysis.train", "tiny", "--runs", str(tmp_path)],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell lets what it starts in the background ignore Ctrl-C, and the tests may have been started so.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert any(re.match(begun, line) for line in process.stdout)
    time.sleep(1.0)
    started = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "error: interrupted before an epoch was done: no run is kept\n")
    assert time.monotonic() - started < SOON
    assert not (tmp_path / "sentiment_analysis" / "tiny").exists()
