"""Translates with the exported SavedModel. Imports no Keras and no TensorFlow."""

from pathlib import Path

SHIPPED_MODEL = Path(__file__).parents[2] / "saved_models" / "translation"
LANGUAGES_FILE = Path("assets.extra") / "languages.json"
