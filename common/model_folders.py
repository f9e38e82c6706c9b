"""Where a model is found when no flag names one: in a folder that the environment names, in `./saved_models`, or in the
checkout.

The places are looked at when a model is asked for, not when this is imported. Nothing here imports TensorFlow.
"""

import os
from pathlib import Path

from common.errors import UserError

VARIABLE = "RECURRENT_APPLICATIONS_MODELS"
"""Names a folder that is laid out as saved_models/ is: <application>/<version>/."""

SHIPPED_MODELS = Path(__file__).parents[1] / "saved_models"
"""The shipped models of a checkout; an installed package has none."""

_WORKING_FOLDER = Path("saved_models")


def model_folder(application: str) -> Path:
    """The application's folder of numbered versions, in the first place that has one.

    Raises:
        UserError: the environment names a folder that is not there, or no place has a version of the application.
    """
    for place in _places():
        if _has_versions(place / application):
            return place / application
    raise UserError(
        f"no model of {application}: looked in {_looked_in()}; expected <application>/<version>/ in one of them, "
        "or a model named with --model"
    )


def models_folder() -> Path:
    """The first place there is: a folder of the applications' folders.

    Raises:
        UserError: the environment names a folder that is not there, or there is no place at all.
    """
    for place in _places():
        if place.is_dir():
            return place
    raise UserError(
        f"no folder of models: looked for {_looked_in()}; expected one of them, or a folder named with --models"
    )


def _places() -> list[Path]:
    places = [_WORKING_FOLDER, *([SHIPPED_MODELS] if _is_checkout() else [])]
    named = _named()
    if named is None:
        return places
    if not named.is_dir():
        raise UserError(
            f"{VARIABLE}={named}: no such folder; expected one laid out as saved_models/ is, "
            "<application>/<version>/"
        )
    return [named, *places]


def _named() -> Path | None:
    value = os.environ.get(VARIABLE)
    return Path(os.path.expanduser(value)) if value else None


def _is_checkout() -> bool:
    return SHIPPED_MODELS.with_name("pyproject.toml").is_file()


def _has_versions(folder: Path) -> bool:
    return folder.is_dir() and any(entry.name.isdecimal() and entry.is_dir() for entry in folder.iterdir())


def _looked_in() -> str:
    checkout = f"the checkout ({SHIPPED_MODELS})" if _is_checkout() else "the checkout (there is none here)"
    return f"{VARIABLE} ({_named() or 'not set'}), ./{_WORKING_FOLDER}, {checkout}"
