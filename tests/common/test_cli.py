"""Flags come from the configuration; a mistake is one clear line and the right exit status."""

import os
import shlex
import subprocess
import sys

import pytest

SCRIPT = '''
"""Says hello."""
import dataclasses
from common import cli
from common.errors import FlagError, UserError

@dataclasses.dataclass(frozen=True)
class Options:
    """Options of the test."""
    name: str = "world"
    """Whom to greet."""
    fail: str = ""
    """How to fail."""

def main(options: Options) -> None:
    """Greets somebody."""
    errors = {
        "user": UserError("greeting.csv, line 3: expected a name"),
        "flag": FlagError("--units 0: expected at least 1"),
        "bug": ZeroDivisionError("a bug"),
        "disk": OSError(28, "No space left on device", "/full/disk"),
        "memory": MemoryError(),
        "stop": KeyboardInterrupt(),
        "stop in TensorFlow": RuntimeError("InvalidArgumentError REPLACED BY KeyboardInterrupt"),
    }
    if options.fail:
        raise errors[options.fail]
    print("hello", options.name)

presets = {"tiny": Options("tiny one"), "base": Options()}
cli.run(main, PRESETS_OR_OPTIONS, descriptions={"tiny": "for a tiny world"})
'''


@pytest.fixture
def run(tmp_path):
    def run_script(*arguments, presets=False, script=SCRIPT, reader=""):
        # Documentation of fields is read from the source, so the script needs a file.
        path = tmp_path / "greet.py"
        path.write_text(script.replace("PRESETS_OR_OPTIONS", "presets" if presets else "Options"))
        command = shlex.join([sys.executable, str(path), *arguments]) + reader
        environment = {**os.environ, "PYTHONPATH": os.getcwd()}
        return subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment)

    return run_script


def test_flags_are_the_fields_and_help_shows_their_documentation_and_defaults(run):
    assert run("--name", "you").stdout == "hello you\n"
    shown = run("--help")
    assert shown.returncode == 0
    for expected in ("Greets somebody.", "--name", "Whom to greet.", "world", "--debug"):
        assert expected in shown.stdout


def test_a_preset_gives_the_defaults_and_flags_change_them(run):
    assert run(presets=True).stdout == "hello world\n"
    assert run("tiny", presets=True).stdout == "hello tiny one\n"
    assert run("tiny", "--name", "you", presets=True).stdout == "hello you\n"
    assert run("--name", "you", presets=True).stdout == "hello you\n"
    assert "for a tiny world" in run("--help", presets=True).stdout
    assert "tiny one" in run("tiny", "--help", presets=True).stdout


@pytest.mark.parametrize(
    ("failure", "status", "expected"),
    [
        ("user", 1, "error: greeting.csv, line 3: expected a name"),
        ("flag", 2, "error: --units 0: expected at least 1"),
        ("bug", 1, "error: unexpected ZeroDivisionError: a bug (--debug shows where)"),
        ("disk", 1, "error: No space left on device (/full/disk)"),
        ("memory", 1, "error: not enough memory: use smaller batches or a smaller model"),
        ("stop", 130, "error: interrupted"),
        ("stop in TensorFlow", 130, "error: interrupted"),
    ],
)
def test_a_failure_is_one_line_on_standard_error_and_an_exit_status(run, failure, status, expected):
    result = run("--fail", failure)
    assert (result.returncode, result.stdout, result.stderr) == (status, "", expected + "\n")


def test_a_wrong_flag_is_a_usage_error(run):
    for arguments in (["--nmae", "you"], ["stray"]):
        result = run(*arguments)
        assert result.returncode == 2
        assert "Traceback" not in result.stderr


def test_an_unknown_preset_is_named_with_those_there_are(run):
    result = run("huge", "--name", "you", presets=True)
    assert (result.returncode, result.stderr) == (
        2,
        "error: unknown preset 'huge'; expected one of tiny, base\n",
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--name=~/a b/c.csv"], "/home/me/a b/c.csv"),
        (["--name", "~/c.csv"], "~/c.csv"),  # a shell that leaves this was told so by quotes
        (["--name=~nobody-of-this-name/c.csv"], "~nobody-of-this-name/c.csv"),
        (["--name=~"], "~"),  # may stand between the columns of a table
        (["--name=a/~/b"], "a/~/b"),
        (["--name=see --name=~/b"], "see --name=~/b"),
    ],
)
def test_a_path_behind_an_equals_sign_may_begin_at_home(run, monkeypatch, arguments, expected):
    monkeypatch.setenv("HOME", "/home/me")
    for presets in (False, True):
        assert run(*arguments, presets=presets).stdout == f"hello {expected}\n"


def test_a_text_after_two_dashes_stays_as_it_is(run):
    script = SCRIPT.replace('    name: str = "world"', '    name: tyro.conf.Positional[str] = "world"')
    script = script.replace("import dataclasses", "import dataclasses, tyro")
    assert run("--", "--name=~/c.csv", script=script).stdout == "hello --name=~/c.csv\n"


def test_debug_shows_the_traceback(run):
    assert "Traceback" in run("--fail", "bug", "--debug").stderr


def test_a_reader_that_goes_away_is_no_error(run):
    script = SCRIPT.replace('print("hello"', 'print("hello\\n" * 100000')
    result = run(script=script, reader=" | head -1")
    assert (result.stdout, result.stderr) == ("hello\n", "")
