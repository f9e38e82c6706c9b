"""What the tests of whole paths share: an application's scripts as a shell runs them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def script(request):
    """Runs a script of the application that the test file is named after, in the project's folder or another ->
    what it prints."""
    application = request.path.stem.removeprefix("test_")

    def run(name, *arguments, folder=REPOSITORY):
        command = [sys.executable, "-m", f"applications.{application}.{name}", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        result = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, env=environment, timeout=600
        )
        assert (result.returncode, result.stderr) == (0, ""), result.stderr
        return result.stdout

    return run
