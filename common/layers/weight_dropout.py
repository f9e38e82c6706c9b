"""Dropout of recurrent weights: in each training step some connections from state to state are missing."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import keras
from keras import ops


@contextmanager
def dropped_recurrent_weights(
    layers: Sequence[keras.layers.RNN], rate: float, seed: keras.random.SeedGenerator
) -> Iterator[None]:
    """Within the block the recurrent weights of built `layers` read as themselves with a share `rate` of the entries
    zero and the rest scaled up by 1 / (1 - rate): DropConnect (Wan et al. 2013) as in Merity et al. 2018, section 2.

    All steps and rows of a batch see the same weights. Gradients reach the variables themselves. What the layers assign
    to other variables of theirs, such as the seeds of their own dropout, is assigned after the block.
    """
    weights = [layer.cell.recurrent_kernel for layer in layers]
    dropped = [
        (weight, keras.random.dropout(ops.convert_to_tensor(weight), rate, seed=seed)) for weight in weights
    ]
    with keras.StatelessScope(state_mapping=dropped) as scope:
        yield
    masked = {id(weight) for weight in weights}
    for variable in (variable for layer in layers for variable in layer.variables):
        value = scope.get_current_value(variable)
        if value is not None and id(variable) not in masked:
            variable.assign(value)
