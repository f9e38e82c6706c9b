"""Writes what the page in the browser knows of the applications: their declarations, as JSON.

python -m applications.page
"""

import gzip
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import common.serving
from applications import catalogue
from common import cli
from common.application import Application
from common.files import atomic_write
from common.model_folders import SHIPPED_MODELS
from common.serving.json_values import plain

PAGE = Path(common.serving.__file__).parent / "page"
FILE = "applications.json"

_FACTS = ("model.json", "languages.json")
_RUN = "run.json.gz"
_SETTINGS = ("max_tokens",)
_MOST_BYTES = 100_000
_MOST_OF_A_FACT = 1000
_DIGITS = 7
"""Of float32; what a sample computes may differ after them from machine to machine."""


@dataclass(frozen=True)
class Options:
    """Where the list goes."""

    output: Path = PAGE / FILE
    """File to write."""


def main(options: Options) -> None:
    """Writes the applications, what goes in, what comes out and what can be asked, for the page in the browser."""
    atomic_write(options.output, declarations(catalogue().values()))
    print(options.output)


def declarations(applications: Iterable[Application]) -> bytes:
    """The list as JSON; an example that takes more than 100 kB, such as a photograph, is left out."""
    lines = (json.dumps(_declared(one), ensure_ascii=False) for one in applications)
    return "[\n{}\n]\n".format(",\n".join(lines)).encode()


def _declared(application: Application) -> dict[str, Any]:
    examples = [
        {"asked": question.asked, "row": _row(question.row(application.served_input))}
        for question in application.questions
    ]
    return {
        "name": application.name,
        "title": application.title,
        "takes": application.takes,
        "gives": application.gives,
        "knows": application.knows,
        "facts": _facts(SHIPPED_MODELS / application.name / "1" / "assets.extra"),
        "examples": [example for example in examples if len(json.dumps(example)) <= _MOST_BYTES],
    }


def _facts(folder: Path) -> dict[str, Any]:
    """What the export says of the shipped model, such as its labels, but not what is long, such as a vocabulary."""
    told: dict[str, Any] = {}
    for file in (folder / name for name in _FACTS):
        told |= json.loads(file.read_text("utf-8")) if file.is_file() else {}
    run = folder / _RUN
    configuration = json.loads(gzip.decompress(run.read_bytes()))["configuration"] if run.is_file() else {}
    told |= {name: configuration[name] for name in _SETTINGS if name in configuration}
    return {name: value for name, value in told.items() if len(json.dumps(value)) <= _MOST_OF_A_FACT}


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _of_browser(plain(value)) for name, value in row.items()}


def _of_browser(value: Any) -> Any:
    """A browser's JSON has no NaN: null stands for a missing number."""
    if isinstance(value, list | tuple):
        return [_of_browser(one) for one in value]
    if isinstance(value, np.generic):
        return _of_browser(value.item())
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    return value


if __name__ == "__main__":
    cli.run(main, Options)
