"""Writes text with the exported SavedModel. Imports no Keras and no TensorFlow."""

from pathlib import Path

SHIPPED_MODEL = Path(__file__).parents[2] / "saved_models" / "text_generation"
CHARACTERS_FILE = Path("assets.extra") / "characters.json"
MAX_LENGTH = 10_000
MAX_CHARACTERS = 20_000
