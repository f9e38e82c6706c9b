"""The command `recurrent-applications`: lists the applications, and runs their scripts.

python -m applications list
python -m applications translation predict "Two dogs are playing in the snow."
"""

import ast
import importlib.util
import runpy
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

from applications import catalogue
from common import cli

LIST = "list"
_HELP = ("-h", "--help", "help")
_SCRIPTS = ("sample", "train", "evaluate", "export", "predict")
_SCRIPT_MARK = '__name__ == "__main__"'
_NEARLY_THE_SAME = 0.7
_LEAST_LIKENESS = 0.5


def scripts_of(application: str) -> list[str]:
    """The application's modules that can be run, in the order in which one uses them."""
    return [script for script in _SCRIPTS if _can_be_run(f"applications.{application}.{script}")]


def main() -> None:
    """Does what the arguments say and ends the process: with the script's exit status, or 2 for an unknown name."""
    arguments = sys.argv[1:]
    sys.exit(cli.guarded(lambda: _run(_program(), arguments), debug="--debug" in arguments))


def _run(program: str, arguments: Sequence[str]) -> None:
    if not arguments or arguments[0] in (LIST, *_HELP):
        if len(arguments) > 1:
            _refuse(f"{arguments[0]} {arguments[1]}: expected nothing after {arguments[0]}")
        print(_listing(program))
        return
    application, *rest = arguments
    names = catalogue()
    if application not in names:
        _refuse(_unknown(f"no application {application!r}", application, (LIST, *names), names))
    scripts = scripts_of(application)
    if not rest or rest[0] in _HELP:
        print(_usage(program, application, scripts))
        return
    script, *flags = rest
    if script not in scripts:
        _refuse(_unknown(f"{application} has no script {script!r}", script, scripts, scripts))
    sys.argv[1:] = flags
    called = {cli.PROGRAM: f"{program} {application} {script}"}
    runpy.run_module(f"applications.{application}.{script}", called, run_name="__main__", alter_sys=True)


def _program() -> str:
    started = Path(sys.argv[0])
    return "python -m applications" if started.name == Path(__file__).name else started.stem


def _listing(program: str) -> str:
    usage = f"usage: {program} <application> <script> ...    (--help after a script lists its flags)"
    return "\n\n".join([usage, *map(_entry, catalogue())])


def _usage(program: str, application: str, scripts: Sequence[str]) -> str:
    width = max(map(len, scripts))
    lines = [f"    {script:{width}}  {_purpose(application, script)}" for script in scripts]
    usage = f"usage: {program} {application} <script> ...    (--help after a script lists its flags)"
    return "\n".join([usage, "", application, *_about(application), "", *lines])


def _purpose(application: str, script: str) -> str:
    """What the script's --help says that it does; it is read, as an import of it takes seconds."""
    statements = ast.parse(_source(f"applications.{application}.{script}") or "").body
    (main,) = (one for one in statements if isinstance(one, ast.FunctionDef) and one.name == "main")
    return " ".join((ast.get_docstring(main) or "").split())


def _entry(application: str) -> str:
    return "\n".join([application, *_about(application), f"    {', '.join(scripts_of(application))}"])


def _about(application: str) -> list[str]:
    declared = catalogue()[application]
    return [f"    {declared.summary}", *([f"    shipped: {declared.knows}"] if declared.knows else [])]


def _can_be_run(module: str) -> bool:
    return _SCRIPT_MARK in (_source(module) or "")


def _source(module: str) -> str | None:
    spec = importlib.util.find_spec(module)
    return Path(spec.origin).read_text("utf-8") if spec is not None and spec.origin else None


def _unknown(problem: str, name: str, choices: Iterable[str], shown: Iterable[str]) -> str:
    written = name.lower().replace("-", "_")
    alike = get_close_matches(written, list(choices), cutoff=_LEAST_LIKENESS)
    # Beside one that differs in a letter or two, others that share some of theirs only distract.
    alike = get_close_matches(written, alike, cutoff=_NEARLY_THE_SAME) or alike
    question = f" (did you mean {' or '.join(alike)}?)" if alike else ""
    return f"{problem}{question}; expected one of {', '.join(shown)}"


def _refuse(problem: str) -> NoReturn:
    print(f"error: {problem}", file=sys.stderr)
    sys.exit(cli.USAGE)


if __name__ == "__main__":
    main()
