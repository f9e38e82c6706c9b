"""The sample: what every Python tells of itself, its chapters on the language and the docstrings of its library."""

import ast
import importlib
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from common.data.sources import SAMPLE
from common.errors import UserError
from common.text.running import Part, RawText, part_of

_INDENTED = re.compile(r"^\s{4,}|^\s*(?:>>>|\.\.\.)")
_SENTENCE = re.compile(r"^[\"'(*]*[A-Z].*[.:!?][\"')]*$")
_LEAST_WORDS = 6


def sample(part: Part) -> RawText:
    """The paragraphs of running English text, each in a line, or a part of them: train, validation or test.

    Raises:
        UserError: this Python came without the source code of its library.
    """
    folder = Path(sysconfig.get_paths()["stdlib"])
    texts = [*_docstrings(folder), *_chapters()]
    paragraphs = dict.fromkeys(paragraph for text in texts for paragraph in _paragraphs(text))
    if not paragraphs:
        raise UserError(
            f"--data sample: no source code of the standard library in {folder}; give a text file with --data"
        )
    return part_of(RawText(SAMPLE, "\n".join(paragraphs)), part)


def _chapters() -> list[str]:
    try:
        topics: dict[str, str] = importlib.import_module("pydoc_data.topics").topics
    except ImportError:
        return []
    return [topics[name] for name in sorted(topics)]


def _docstrings(folder: Path) -> Iterator[str]:
    """The docstrings of the modules in a folder, and of all that they define."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for path in sorted(folder.glob("[a-z]*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, documented):
                yield ast.get_docstring(node) or ""


def _paragraphs(text: str) -> list[str]:
    """The paragraphs of a text that are sentences: no code, no grammar, no headings."""
    paragraphs = []
    for block in re.split(r"\n\s*\n", text):
        lines = block.split("\n")
        joined = " ".join(" ".join(lines).split()).removeprefix("* ").replace("*", "")
        is_prose = not any(map(_INDENTED.match, lines)) and _SENTENCE.match(joined)
        if is_prose and len(joined.split()) >= _LEAST_WORDS and "::=" not in joined:
            paragraphs.append(joined)
    return paragraphs
