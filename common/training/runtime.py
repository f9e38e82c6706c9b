"""What of the process a training run fixes before it begins."""

import importlib.util

import keras
import tensorflow as tf

from common.errors import UserError
from common.training.options import TrainingOptions
from common.training.workers import connect


def set_up(options: TrainingOptions) -> None:
    """Sets TensorFlow's threads, connects this process with the other workers, if there are any, and seeds Python's,
    NumPy's and Keras's random numbers.

    Raises:
        FlagError: the workers cannot be.
        UserError: TensorBoard is asked for and not installed, or this worker's port cannot be used.
    """
    if options.tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise UserError("--tensorboard: TensorBoard is not installed; pip install -e '.[tensorboard]'")
    if options.intra_op_threads:
        tf.config.threading.set_intra_op_parallelism_threads(options.intra_op_threads)
    connect(options)
    keras.utils.set_random_seed(options.seed)
