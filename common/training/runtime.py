"""What of the process a training run fixes before it begins."""

import importlib.util

import keras
import tensorflow as tf

from common.errors import UserError
from common.training.options import TrainingOptions


def set_up(options: TrainingOptions) -> None:
    """Seeds Python's, NumPy's and Keras's random numbers, and sets TensorFlow's threads.

    Raises:
        UserError: TensorBoard is asked for and not installed.
    """
    if options.tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise UserError("--tensorboard: TensorBoard is not installed; pip install -e '.[tensorboard]'")
    keras.utils.set_random_seed(options.seed)
    if options.intra_op_threads:
        tf.config.threading.set_intra_op_parallelism_threads(options.intra_op_threads)
