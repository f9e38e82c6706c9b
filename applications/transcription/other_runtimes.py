"""The streaming transcriber from log-mel frames on, for LiteRT and ONNX Runtime."""

import keras
import tensorflow as tf

from applications.transcription.config import Config
from applications.transcription.model import FRAME, SETTLING
from common.errors import UserError
from common.export.runtimes.core import Core
from common.export.runtimes.sound import stream_core
from common.text.symbols import Symbols

_USAGE = (
    "`frontend.js` of the project makes log-mel frames of 16-bit sound at 16 kHz by `frontend.json`. Each 320 samples "
    "(20 ms) make two frames, which go into one step, with the states of the step before. Read the best place of "
    "`log_probabilities`: 0 writes nothing, the same place as in the step before neither, any other writes its symbol "
    f"in `labels.json`. Let {SETTLING} steps of silence follow the end."
)


def core(model: keras.Model, config: Config, symbols: Symbols) -> Core:
    """`step`: `frames` `[1, 2, mel bins]` and the states -> `log_probabilities` `[1, symbols]`, and the states.

    It answers as the signature `step` of the SavedModel does.

    Raises:
        UserError: the model hears whole recordings.
    """
    if config.kind != "streaming":
        raise UserError(
            f"--format: other runtimes get the step of a streaming model; this one is of the kind {config.kind}"
        )
    return stream_core(
        model,
        FRAME,
        lambda logits: {"log_probabilities": tf.nn.log_softmax(logits)},
        ("log_probabilities",),
        ["", *symbols.names],
        _USAGE,
    )
