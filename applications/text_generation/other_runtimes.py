"""The character model without its text front end, for LiteRT and ONNX Runtime."""

import keras
import numpy as np
import tensorflow as tf

from common.export.runtimes.core import Core, Example, Graph, Greedy
from common.export.runtimes.examples import TEXTS
from common.text.characters import UNKNOWN, Characters

IMPOSSIBLE = -1e9
"""The logit of what is never written."""
_GREEDY_STEPS = 200
_USAGE = (
    "Character k of `characters` in `frontend.json` (from 0, by Unicode code points) is token k + 1; any other is "
    "token 0, which also goes in first, before a text begins. `logits` are those of the next character: write on with "
    "the highest, or draw from the softmax of the logits divided by a temperature; token 0 is never written."
)


def core(model: keras.Model, characters: Characters) -> Core:
    """`step`: `token` int32 `[1]` and `states` `[1, n, units]` -> `logits` `[1, characters]`, `states`.

    It answers as the signature `step` of the SavedModel does.
    """
    stack, embedding, logits_of = (model.get_layer(name) for name in ("states", "embedding", "logits"))
    stack = stack.stack

    def step(token: tf.Tensor, states: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs, after = stack.step(embedding(token), tf.unstack(states, axis=1))
        is_unknown = np.arange(characters.size) == UNKNOWN
        return {
            "logits": tf.where(is_unknown, IMPOSSIBLE, logits_of(outputs)),
            "states": tf.stack(after, axis=1),
        }

    inputs = {
        "token": tf.TensorSpec([1], tf.int32),
        "states": tf.TensorSpec([1, stack.state_count, stack.units], tf.float32),
    }
    return Core(
        Graph("step", step, inputs, states=("states",)),
        {"kind": "characters", "unknown": UNKNOWN, "first": UNKNOWN, "characters": characters.vocabulary},
        [_example(text, characters) for text in TEXTS],
        scores=("logits",),
        usage=_USAGE,
        greedy=Greedy("token", "logits", UNKNOWN, _GREEDY_STEPS),
    )


def _example(text: str, characters: Characters) -> Example:
    numbers = characters(tf.constant([text])).flat_values.numpy()
    return Example(text, {"token": np.concatenate([[UNKNOWN], numbers]).astype(np.int32)[:, None]})
