"""What an export writes beside the graph, for those who ask the model."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from common.errors import UserError

EXTRA_FOLDER = "assets.extra"
"""The folder of a SavedModel in which an export writes it."""

WARMUP_FILE = Path(EXTRA_FOLDER) / "tf_serving_warmup_requests"
"""The requests that TensorFlow Serving plays to a model before it serves it."""


def read_extra(version: Path, file: Path, application: str, *, facts: Collection[str] = ()) -> Any:
    """The content of a JSON file of an exported model.

    Args:
        version: the model's folder.
        file: path within it, assets.extra/<name>.json.
        application: whose export writes it.
        facts: what it tells at least, by name; other applications call their files alike.

    Raises:
        UserError: there is no such file, it is not JSON, or it lacks a fact.
    """
    path = version / file
    expected = f"expected a model exported by applications.{application}.export"
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UserError(f"{version}: no {file}; {expected}") from None
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}); expected what an export wrote") from None
    if facts and not (isinstance(content, dict) and set(facts) <= content.keys()):
        raise UserError(f"{version}: a model of another application; {expected}")
    return content
