"""Dropout of recurrent weights: in each training step some connections from state to state are missing."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
from keras import ops

from common.layers.stack import RecurrentStack


@contextmanager
def dropped_recurrent_weights(
    stack: RecurrentStack, rate: float, seed: keras.random.SeedGenerator
) -> Iterator[None]:
    """Within the block the recurrent weights of a built stack read as themselves with a share `rate` of the entries
    zero and the rest scaled up by 1 / (1 - rate): DropConnect (Wan et al. 2013) as in Merity et al. 2018, section 2.

    All steps and rows of a batch see the same weights. Gradients reach the variables themselves. What the stack assigns
    to its other variables, such as the seeds of all its dropouts, is assigned after the block.
    """
    weights = [layer.cell.recurrent_kernel for layer in stack.recurrent_layers]
    dropped = [
        (weight, keras.random.dropout(ops.convert_to_tensor(weight), rate, seed=seed)) for weight in weights
    ]
    with keras.StatelessScope(state_mapping=dropped) as scope:
        yield
    masked = {id(weight) for weight in weights}
    for variable in stack.variables:
        value = scope.get_current_value(variable)
        if value is not None and id(variable) not in masked:
            variable.assign(value)
