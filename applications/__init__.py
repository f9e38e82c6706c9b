"""The catalogue of applications, and `load`, which gives a predictor for one.

from applications import load

classify = load("sentiment_analysis")
classify("not bad at all, I loved it")      # {"label": "positive", ...}
classify(["great", "dull"])                 # [{...}, {...}]
"""

import importlib
import pkgutil
from pathlib import Path

from common.application import Application, Predictor
from common.errors import UserError
from common.startup import quiet_tensorflow

quiet_tensorflow()


def catalogue() -> dict[str, Application]:
    """What each package in applications/ declares, by its name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)
    return {name: importlib.import_module(f"{__name__}.{name}").APPLICATION for name in names}


def load(application: str, model: str | Path | None = None) -> Predictor:
    """The application's predictor, answering from a SavedModel.

    Args:
        application: a name in the catalogue.
        model: a folder of numbered versions, of which the highest is used, or one version; by default the
            application's folder in the one that the environment variable RECURRENT_APPLICATIONS_MODELS names, in
            `./saved_models`, where `export` puts new versions, or in the checkout, whichever is found first.

    Returns:
        A callable: one input gives one dictionary, several (a list or the like, or a data frame with `column=`) give a
        list of dictionaries. At the end of a `with` block it is closed.

    Raises:
        UserError: there is no such application or no such model.
    """
    names = catalogue()
    if application not in names:
        raise UserError(f"no application {application!r}; there are {', '.join(names)}")
    predict = importlib.import_module(f"{__name__}.{application}.predict")
    predictor: Predictor = predict.Predictor(Path(model) if model else None)
    return predictor
