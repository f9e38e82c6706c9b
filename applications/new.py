"""Makes a new application out of an existing one: its rooms, its README and its test case, under a new name.

python -m applications.new ticket_routing --like sentiment_analysis
"""

import keyword
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import tyro

import applications
from applications import catalogue
from common import cli
from common.errors import FlagError, UserError
from common.files import temporary_directory_beside

_HOME = Path(applications.__file__).parent
_CASES = _HOME.parent / "tests" / "applications"
_LEFT_BEHIND = shutil.ignore_patterns("__pycache__", "test_*.py")
_PLACES = (
    r"applications[./]{0}\b",
    r"runs/{0}\b",
    r"saved_models/{0}\b",
    r"models/{0}\b",
    r"(?<=NAME = \"){0}(?=\")",
    r"(?<=name=\"){0}(?=\")",
    r"__init__\(\"{0}\"",
    r"load\(\"{0}\"",
    r"_FILE, \"{0}\"",
)
_BULLET = re.compile(r"(?m)^- .*\n(?:  .*\n)*")
_UNMEASURED = """\
## Results

Nothing has been measured yet. Train a model and export it; `evaluate` then prints the figures that belong here, with
the command that gives them again, the data, the wall time and the hardware.

"""


@dataclass(frozen=True)
class Options:
    """What is made, and of what."""

    name: tyro.conf.Positional[str]
    """Name of the new application: of its package, its models and its runs. Lower case, with underscores."""
    like: str
    """The application whose rooms are copied."""

    def __post_init__(self) -> None:
        names = catalogue()
        if self.like not in names:
            raise FlagError(f"--like {self.like}: no such application; expected one of {', '.join(names)}")
        is_name = re.fullmatch(r"[a-z][a-z0-9_]*", self.name) and not keyword.iskeyword(self.name)
        if not is_name:
            raise FlagError(f"{self.name}: expected a name of lower-case letters, digits and underscores")
        taken = {path.stem for path in _HOME.iterdir()} | {"list"}
        if self.name in taken or (_CASES / self.name).exists():
            raise FlagError(f"{self.name}: this name is taken; expected another")


def make(options: Options) -> list[Path]:
    """Copies and renames; both folders are there whole, or none. Returns them.

    Raises:
        UserError: this is no checkout, which has the tests beside the applications.
    """
    pairs = [(folder / options.like, folder / options.name) for folder in (_HOME, _CASES)]
    if not pairs[1][0].is_dir():
        raise UserError(f"{_CASES}: no test cases there; expected a checkout of the project")
    with temporary_directory_beside(pairs[0][1]) as rooms, temporary_directory_beside(pairs[1][1]) as case:
        for (source, _), made in zip(pairs, (rooms, case), strict=True):
            shutil.copytree(source, made, dirs_exist_ok=True, ignore=_LEFT_BEHIND)
            _rename(made, options.like, options.name)
        readme = rooms / "README.md"
        readme.write_text(_unmeasured(readme.read_text("utf-8"), options.name), "utf-8")
        case.rename(pairs[1][1])
        rooms.rename(pairs[0][1])
    return [made for _, made in pairs]


def _rename(folder: Path, old: str, new: str) -> None:
    """Renames the application in the files of a folder: its package, its runs and models, its name and its title.

    Anything else that is called the same, such as an output, a metric or a data set, stays as it is.
    """
    places = "|".join(place.format(old) for place in _PLACES)
    title = catalogue()[old].title
    for path in folder.rglob("*"):
        if path.suffix in (".py", ".md"):
            text = re.sub(places, lambda match: match[0].replace(old, new), path.read_text("utf-8"))
            pattern = rf"(?m)(?<=title=\"){title}(?=\")|(?<=^# ){title}$|(?<=^\"\"\"){title}(?=:)"
            text = re.sub(pattern, _title(new), text)
            # Of a model that is not this application's.
            path.write_text(re.sub(r"(?m)^    knows=\".*\n", "", text), "utf-8")


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _unmeasured(readme: str, name: str) -> str:
    """The README without what it says of the old application's shipped model."""
    heading, *sections = re.split(r"(?m)^(?=## )", readme)
    summary = re.sub(r"(?m)^\|.*\n", "", heading).rstrip()
    unmeasured = [_UNMEASURED if section.startswith("## Results") else section for section in sections]
    general = [_BULLET.sub(_unless_of_shipped_model, section) for section in unmeasured]
    return f"{summary}\n\n{''.join(general)}".replace(f"saved_models/{name}/1", f"saved_models/{name}")


def _unless_of_shipped_model(bullet: re.Match[str]) -> str:
    return "" if "shipped model" in " ".join(bullet[0].split()) else bullet[0]


def main(options: Options) -> None:
    """Makes a new application like another, ready to be trained; then make it your own, room by room."""
    for folder in make(options):
        cli.console().print(f"made {folder.relative_to(_HOME.parent)}", markup=False)
    python = ".venv/bin/python"
    cli.console().print(
        f"try it: {python} -m applications.{options.name}.train tiny\n"
        f"test it: {python} -m pytest tests/applications/test_every_application.py -k {options.name}\n"
        "then: docs/adding_an_application.md",
        markup=False,
    )


if __name__ == "__main__":
    cli.run(main, Options)
