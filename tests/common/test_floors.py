"""The house keeps its floors: an import goes down or stays on its floor, and no folders of `common` need each other."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
FLOORS = (
    ("errors", "files", "startup", "keras_package", "row_errors", "attempt", "checks", "model_folders"),
    ("cli", "application"),
    ("data",),
    ("text", "audio", "images", "series"),
    ("layers", "decoding", "inference"),
    ("evaluation", "predicting"),
    ("training",),
    ("export", "serving", "diagnostics", "scale_out"),
)
FLOOR_OF = {name: number for number, names in enumerate(FLOORS, start=1) for name in names}

NO_COMMAND_LINE = ("layers", "decoding", "inference", "evaluation")
"""Here a mistake is a programmer's, a `ValueError` or a `TypeError`."""
USER_ERRORS = ("common.errors.UserError", "common.errors.FlagError")
BORDERS = {
    "evaluation/report.py": "reads the numbers that --attention was given",
    "inference/extra_files.py": "reads the files of a model that a person named",
    "inference/refused_rows.py": "tells which of a person's rows a model refused",
    "inference/runner.py": "reads the folder of a model that a person named",
    "inference/tensorflow_c.py": "finds TensorFlow in a person's Python",
}


def imports_of(path):
    """The modules of the project that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def files_of(folder):
    return sorted((REPOSITORY / folder).rglob("*.py"))


def room_of(path):
    """The folder, or the single module, of `common` that a file belongs to."""
    return path.relative_to(REPOSITORY / "common").parts[0].removesuffix(".py")


def rooms_imported_by(path):
    return {name.split(".")[1] for name in imports_of(path) if name.startswith("common.")} - {room_of(path)}


FILES = [path for path in files_of("common") if path != REPOSITORY / "common" / "__init__.py"]


def test_every_room_has_a_floor():
    assert {room_of(path) for path in FILES} == FLOOR_OF.keys()


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(REPOSITORY)) for path in FILES])
def test_no_import_goes_up(path):
    higher = {name for name in rooms_imported_by(path) if FLOOR_OF[name] > FLOOR_OF[room_of(path)]}
    assert not higher


def test_no_two_rooms_need_each_other():
    needed = defaultdict(set)
    for path in FILES:
        needed[room_of(path)] |= rooms_imported_by(path)
    assert not [(one, other) for one in needed for other in needed[one] if one in needed[other]]


def test_no_module_of_a_room_needs_itself_by_way_of_others():
    modules = {".".join(path.relative_to(REPOSITORY).with_suffix("").parts): path for path in FILES}

    def known(name):
        return name if name in modules else name.rpartition(".")[0]

    needed = {
        module: {known(name) for name in imports_of(path)} & modules.keys() - {module}
        for module, path in modules.items()
    }
    finished, begun = set(), []

    def visit(module):
        assert module not in begun, f"a circle: {' -> '.join([*begun, module])}"
        if module in finished:
            return
        begun.append(module)
        for name in sorted(needed[module]):
            visit(name)
        finished.add(begun.pop())

    for module in modules:
        visit(module)


def test_common_imports_no_application_and_no_application_another():
    for path in files_of("common"):
        assert not [name for name in imports_of(path) if name.startswith(("applications", "benchmarks"))]
    for path in files_of("applications"):
        if path.parent.name != "applications":
            own = path.relative_to(REPOSITORY / "applications").parts[0]
            others = {name.split(".")[1] for name in imports_of(path) if name.startswith("applications.")}
            assert others <= {own}


def test_no_module_below_training_raises_the_errors_of_the_command_line_but_where_it_reads_what_a_person_gave():
    raising = {
        str(path.relative_to(REPOSITORY / "common"))
        for path in FILES
        if room_of(path) in NO_COMMAND_LINE and {*imports_of(path)} & {*USER_ERRORS}
    }
    assert raising == BORDERS.keys()
