"""What of the process a training run fixes before it begins."""

import keras
import tensorflow as tf

from common.training.options import TrainingOptions


def set_up(options: TrainingOptions) -> None:
    """Seeds Python's, NumPy's and Keras's random numbers, and sets TensorFlow's threads."""
    keras.utils.set_random_seed(options.seed)
    if options.intra_op_threads:
        tf.config.threading.set_intra_op_parallelism_threads(options.intra_op_threads)
