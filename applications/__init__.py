"""The catalogue of applications, and `load`, which gives a predictor for one.

from applications import load

classify = load("sentiment_analysis")
classify("not bad at all, I loved it")      # {"label": "positive", ...}
classify(["great", "dull"])                 # [{...}, {...}]
"""

import importlib
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.startup import quiet_tensorflow

quiet_tensorflow()

CATALOGUE = {
    "image_captioning": "an image in, a sentence that describes it and its score out",
    "sentiment_analysis": "a text in, its label and the label's probability out",
    "speech_commands": "a recording in, the word in it and the word's probability out",
    "text_generation": "the beginning of a text in, its continuation out",
    "translation": "a text in, its translation and the translation's score out",
}


def load(application: str, model: str | Path | None = None) -> Any:
    """The application's predictor, answering from a SavedModel.

    Args:
        application: a name in `CATALOGUE`.
        model: a folder of numbered versions, of which the highest is used, or one version; by default the
            application's folder in the one that the environment variable RECURRENT_APPLICATIONS_MODELS names, in
            `./saved_models`, where `export` puts new versions, or in the checkout, whichever is found first.

    Returns:
        A callable: one input gives one dictionary, a list gives a list of dictionaries.
    """
    if application not in CATALOGUE:
        raise UserError(f"no application {application!r}; there are {', '.join(CATALOGUE)}")
    predict = importlib.import_module(f"applications.{application}.predict")
    return predict.Predictor(Path(model) if model else None)
