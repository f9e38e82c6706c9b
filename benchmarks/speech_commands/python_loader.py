"""Answers for one WAV file as one writes it with TensorFlow's Python package, the peer of `predict`.

python -m benchmarks.speech_commands.python_loader MODEL RECORDING
"""

import sys
from pathlib import Path

import tensorflow as tf


def main(model: str, recording: str) -> None:
    """Prints the label of a recording."""
    serve = tf.saved_model.load(model).signatures["serving_default"]
    answer = serve(audio_bytes=tf.constant([Path(recording).read_bytes()]))
    print(answer["label"].numpy()[0].decode("utf-8"), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
