"""One command lists the applications and runs their scripts, as `python -m applications.<name>.<script>` does."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import applications
from applications import catalogue
from applications.__main__ import main, scripts_of

pytestmark = pytest.mark.slow

REPOSITORY = Path(applications.__file__).parents[1]
COMMAND = "recurrent-applications"


@pytest.fixture
def command(monkeypatch, capsys):
    """Runs the console script in this process -> (exit status, what it prints, what it complains of)."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", [f"/usr/bin/{COMMAND}", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    return run


def modules_run(*arguments, code=""):
    """Runs `python -m <arguments>`, or code, in a process of its own."""
    start = ["-c", code] if code else ["-m"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        [sys.executable, *start, *arguments], capture_output=True, text=True, env=environment, timeout=300
    )


def console_script(*arguments):
    """What the console script does, in one line of code."""
    argv = [f"/usr/bin/{COMMAND}", *arguments]
    return f"import sys; sys.argv = {argv!r}; from applications.__main__ import main; main()"


def test_the_applications_are_the_folders_with_the_same_rooms():
    folders = {path.parent.name for path in (REPOSITORY / "applications").glob("*/predict.py")}
    assert set(catalogue()) == folders
    for name in catalogue():
        assert set(scripts_of(name)) >= {"train", "evaluate", "export", "predict"}
        assert ("sample" in scripts_of(name)) == (  # only where the sample can be written to files
            'if __name__ == "__main__"' in source_of(name, "sample")
        )


def source_of(application, module):
    path = REPOSITORY / "applications" / application / f"{module}.py"
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize("arguments", [(), ("list",), ("--help",), ("-h",)])
def test_the_list_says_what_goes_in_what_comes_out_and_what_the_shipped_model_knows(command, arguments):
    status, out, err = command(*arguments)
    assert (status, err) == (0, "")
    assert out.startswith(f"usage: {COMMAND} <application> <script> ...")
    for name, declared in catalogue().items():
        scripts = ", ".join(scripts_of(name))
        lines = ["", name, f"    {declared.summary}", f"    shipped: {declared.knows}", f"    {scripts}", ""]
        assert declared.knows
        assert "\n".join(lines) in out


@pytest.mark.parametrize("application", catalogue())
@pytest.mark.parametrize("asked", [(), ("--help",), ("-h",)])
def test_an_application_alone_lists_its_scripts_and_what_each_does(command, application, asked):
    status, out, err = command(application, *asked)
    assert (status, err) == (0, "")
    assert out.startswith(f"usage: {COMMAND} {application} <script> ...")
    for script in scripts_of(application):
        main = importlib.import_module(f"applications.{application}.{script}").main
        (line,) = re.findall(rf"(?m)^    {script} +(.+)$", out)
        assert line.split() == main.__doc__.split()


@pytest.mark.parametrize(
    ("arguments", "problem", "meant"),
    [
        (("translte", "predict", "a"), "no application 'translte'", "translation"),
        (("Sentiment-Analysis",), "no application 'Sentiment-Analysis'", "sentiment_analysis"),
        (("speech", "train"), "no application 'speech'", "speech_commands"),
        (("lst",), "no application 'lst'", "list"),
        (("translation", "predct"), "translation has no script 'predct'", "predict"),
        (("translation", "evaluat\ne"), r"translation has no script 'evaluat\ne'", "evaluate"),
    ],
)
def test_an_unknown_name_is_one_line_with_those_like_it(command, arguments, problem, meant):
    status, out, err = command(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith(f"error: {problem} (did you mean {meant}?); expected one of ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("zzz",), f"no application 'zzz'; expected one of {', '.join(catalogue())}"),
        (("",), f"no application ''; expected one of {', '.join(catalogue())}"),
        (
            ("translation", "data"),
            "translation has no script 'data'; expected one of train, evaluate, export, predict",
        ),
        (
            ("translation", "../x"),
            "translation has no script '../x'; expected one of train, evaluate, export, predict",
        ),
        (("list", "translation"), "list translation: expected nothing after list"),
    ],
)
def test_a_name_like_no_other_is_one_line(command, arguments, line):
    assert command(*arguments) == (2, "", f"error: {line}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict", "--batch-size", "0", "a"),
        ("predict", "--model", "/nowhere", "a"),
        ("predict", "--bach-size", "1"),
        ("predict", "--input", "/nowhere.txt"),
    ],
)
def test_a_script_does_the_same_by_both_ways(arguments):
    script, *flags = arguments
    expected = modules_run(f"applications.translation.{script}", *flags)
    done = modules_run("applications", "translation", *arguments)
    named = expected.stderr.replace(
        f"applications.translation.{script}", f"applications translation {script}"
    )
    assert expected.returncode != 0
    assert (done.returncode, done.stdout) == (expected.returncode, expected.stdout)
    assert "".join(done.stderr.split()) == "".join(named.split())


HELPS = """
import sys
from contextlib import suppress
from applications.__main__ import main
command, *names = sys.argv[1:]
for name in names:
    sys.argv = [f"/usr/bin/{command}", name, "predict", "--help"]
    with suppress(SystemExit):
        main()
    print(end="\\0")
"""


def test_help_of_a_script_shows_the_command_that_was_typed():
    done = modules_run(COMMAND, *catalogue(), code=HELPS)
    assert (done.returncode, done.stderr) == (0, "")
    *helps, rest = done.stdout.split("\0")
    assert rest == ""
    for application, shown in zip(catalogue(), helps, strict=True):
        assert shown.startswith(f"usage: {COMMAND} {application} predict [-h]")
        assert "--model" in shown


def test_help_of_a_preset_shows_the_command_that_was_typed():
    done = modules_run("applications", "translation", "train", "tiny", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: python -m applications translation train tiny [-h]")


@pytest.mark.parametrize(
    "arguments", [["list"], ["translation"], ["translation", "predict", "Two dogs are playing in the snow."]]
)
def test_neither_lists_nor_predict_import_tensorflow(arguments):
    show = "finally:\n    print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    done = modules_run(code=f"try:\n    {console_script(*arguments)}\n{show}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("\n[]\n")


def test_ctrl_c_while_a_script_is_imported_is_one_line(command, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("applications.__main__.runpy.run_module", interrupted)
    assert command("translation", "predict") == (130, "", "error: interrupted\n")
