"""SimpleRNN, LSTM and GRU: Keras's layers, unchanged to the user, with a faster loop on CPUs.

Constructor, weights (names, shapes, gate order) and configuration are Keras's own; see `interchange` for moving models
between the two. In float32 outputs, states and gradients equal Keras's to 1e-5 of their largest entry. Under
`mixed_bfloat16` the products are in bfloat16, while states and gates stay in float32: outputs differ from float32 by
less than 0.005 for an LSTM, 0.006 for a GRU and 0.02 for a SimpleRNN, gradients by less than 1 % of the largest entry
(or by no more than Keras's own layers, on processors without instructions for bfloat16, where sums are rounded too).

What a mask leaves out has no influence, not even by an infinity or NaN there: no output, state or gradient holds it.

The gradient is hand-written and has no second derivative. A visible GPU, another Keras backend, compilation by XLA, and
arguments that the fast loop does not take (`unroll`, other activations, `reset_after=False`, float16) get Keras's own
loop.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import keras
import tensorflow as tf
from tensorflow.python.ops import control_flow_util

from common.keras_package import PACKAGE
from common.layers.masks import fitting_mask, without_masked
from common.layers.portability import PLAIN
from common.layers.recurrence import cells, masking
from common.layers.recurrence.loops import LoopOptions, run
from common.layers.recurrence.single_step import CellStep, product, single_step, turned_product
from common.layers.stored_variables import stored_instead

Tensor: TypeAlias = tf.Tensor
InnerLoop: TypeAlias = Callable[..., tuple[Tensor, Tensor, list[Tensor]]]

KEPT = "kept_in_bfloat16"
"""The attribute of a cell with its two kernels in bfloat16, see `keep_in_bfloat16`."""


@keras.saving.register_keras_serializable(PACKAGE)
class SimpleRNN(keras.layers.SimpleRNN):
    """h_t = tanh(x_t W + h_{t-1} U + b): `keras.layers.SimpleRNN` with a faster loop on CPUs.

    Example:
        >>> SimpleRNN(4)(tf.ones([2, 5, 3])).shape.as_list()
        [2, 4]
    """

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Any:
        """Keras's call, of arguments that `_fitted` has made fit."""
        return super().call(**_fitted(self, sequences, initial_state, mask), training=training)

    def inner_loop(
        self, sequences: Tensor, initial_state: Any, mask: Any, training: bool = False
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Runs the cell over `[batch, time, features]`; see `_inner_loop`."""
        return _inner_loop(
            self, cells.SIMPLE_RNN, super().inner_loop, sequences, initial_state, mask, training
        )


@keras.saving.register_keras_serializable(PACKAGE)
class LSTM(keras.layers.LSTM):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997): `keras.layers.LSTM`, faster on CPUs.

    Example:
        >>> LSTM(4, return_sequences=True)(tf.ones([2, 5, 3])).shape.as_list()
        [2, 5, 4]
    """

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Any:
        """Keras's call, of arguments that `_fitted` has made fit."""
        return super().call(**_fitted(self, sequences, initial_state, mask), training=training)

    def inner_loop(
        self, sequences: Tensor, initial_state: Any, mask: Any, training: bool = False
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Runs the cell over `[batch, time, features]`; see `_inner_loop`."""
        return _inner_loop(self, cells.LSTM, super().inner_loop, sequences, initial_state, mask, training)


@keras.saving.register_keras_serializable(PACKAGE)
class GRU(keras.layers.GRU):
    """Gated recurrent unit (Cho et al., 2014): `keras.layers.GRU` with a faster loop on CPUs.

    Example:
        >>> GRU(4)(tf.ones([2, 5, 3])).shape.as_list()
        [2, 4]
    """

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Any:
        """Keras's call, of arguments that `_fitted` has made fit."""
        return super().call(**_fitted(self, sequences, initial_state, mask), training=training)

    def inner_loop(
        self, sequences: Tensor, initial_state: Any, mask: Any, training: bool = False
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Runs the cell over `[batch, time, features]`; see `_inner_loop`."""
        return _inner_loop(self, cells.GRU, super().inner_loop, sequences, initial_state, mask, training)


def layer_step(layer: SimpleRNN | LSTM | GRU) -> CellStep:
    """One step of a built layer in inference, with its weights read now: to be made before a loop and called in it.

    Args:
        layer: one of the layers above with Keras's usual activations (and `reset_after` for a GRU).

    Returns:
        `(inputs [batch, features], states [batch, units] each)` -> new states, in the dtype of the old ones.
    """
    *kernels, bias = _weights(layer.cell, _state_dtype(layer))
    kept = getattr(layer.cell, KEPT, None)
    times_kernel, times_recurrent = (
        [product(kernel, tf.as_dtype(layer.cell.compute_dtype)) for kernel in kernels]
        if kept is None
        else [turned_product(tf.convert_to_tensor(kernel)) for kernel in kept]
    )
    return single_step(_equations(layer), times_kernel, times_recurrent, bias)


def keep_in_bfloat16(layer: SimpleRNN | LSTM | GRU) -> None:
    """From now on a built layer reads its two kernels as bfloat16 holds them: half the bytes of a step.

    The products of `layer_step` are in bfloat16 then; whole sequences are computed as before, with the rounded weights.
    A SavedModel traced from now on holds the rounded kernels alone, under the names that they had, each column of them
    together (`[columns, rows]`).
    """
    kernels = [layer.cell.kernel, layer.cell.recurrent_kernel]
    kept = [
        stored_instead(kernel.value, tf.cast(tf.transpose(kernel.value), tf.bfloat16)) for kernel in kernels
    ]
    setattr(layer.cell, KEPT, kept)


def packed_cell(layer: SimpleRNN | LSTM | GRU) -> tuple[cells.Cell, list[Tensor]]:
    """The equations of a built layer, and its weights packed for them, for loops over more than the layer."""
    cell = _equations(layer)
    return cell, cell.pack(*_weights(layer.cell, _state_dtype(layer)))


def _equations(layer: SimpleRNN | LSTM | GRU) -> cells.Cell:
    return {keras.layers.SimpleRNNCell: cells.SIMPLE_RNN, keras.layers.LSTMCell: cells.LSTM}.get(
        type(layer.cell), cells.GRU
    )


def _state_dtype(layer: keras.layers.RNN) -> tf.DType:
    return tf.float64 if layer.cell.compute_dtype == "float64" else tf.float32


def _fitted(layer: keras.layers.RNN, sequences: Any, initial_state: Any, mask: Any) -> dict[str, Any]:
    """The arguments of a call: the sequences in the compute dtype, one row of states or mask spread over all rows.

    Raises:
        ValueError: the mask or a state does not fit the sequences.
    """
    mask = keras.tree.flatten(mask)[0] if mask is not None else None
    if keras.config.backend() == "tensorflow":
        sequences = tf.cast(sequences, layer.cell.compute_dtype)
        if initial_state is not None:
            states = [tf.cast(state, sequences.dtype) for state in keras.tree.flatten(initial_state)]
            if sequences.shape[0] == 1 and states[0].shape[0] not in (None, 1):
                sequences = tf.repeat(sequences, states[0].shape[0], axis=0)
            initial_state = [_spread(layer.name, state, sequences, layer.cell.units) for state in states]
        if mask is not None and len(mask.shape) == 2:
            mask = fitting_mask(mask, sequences, layer.name)
    return {"sequences": sequences, "initial_state": initial_state, "mask": mask}


def _spread(layer: str, state: Tensor, sequences: Tensor, units: int) -> Tensor:
    """A state `[batch, units]` for sequences `[batch, time, features]`, of one `[1, units]` if need be."""
    rows = sequences.shape[0]
    if not any(state.shape.is_compatible_with([count, units]) for count in (rows, 1)):
        raise ValueError(
            f"{layer}: expected initial states of {units} units and as many rows as the input, or one; the state is "
            f"{state.shape}, the input {sequences.shape}"
        )
    if rows is not None and state.shape == [rows, units]:
        return state
    return tf.ensure_shape(tf.broadcast_to(state, [tf.shape(sequences)[0], units]), [rows, units])


def _inner_loop(
    layer: keras.layers.RNN,
    cell: cells.Cell,
    stock_loop: InnerLoop,
    sequences: Tensor,
    initial_state: Any,
    mask: Any,
    training: bool,
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Runs the fast loop where it computes the same function, and Keras's own loop elsewhere.

    Returns the last output `[batch, units]`, the outputs `[batch, time, units]` (or `[batch, 1, units]` where
    the layer does not return sequences), and the final states, `[batch, units]` each.
    """
    if not _takes_fast_path(layer, mask):
        if keras.config.backend() == "tensorflow" and mask is not None and len(mask.shape) == 2:
            sequences = without_masked(sequences, mask)
        return stock_loop(sequences, initial_state, mask, training)
    initial_states = keras.tree.flatten(initial_state)
    state_dtype = _state_dtype(layer)
    states = [tf.cast(state, state_dtype) for state in initial_states]
    dropout_masks: list[Tensor] = []
    if training:
        sequences, dropout_masks = _with_dropout(layer.cell, sequences, states[0])
    packing = None
    inputs = sequences
    if mask is not None:
        packing = masking.packing_of(mask, layer.go_backwards)
        inputs = masking.packed(sequences, packing)
    elif layer.go_backwards:
        inputs = tf.reverse(sequences, [1])
    keeps_states = layer.return_state or layer.stateful
    options = LoopOptions(
        compute_dtype=tf.as_dtype(layer.cell.compute_dtype),
        shards=_shards(layer),
        training=bool(training),
        sequence_count=cell.state_count if packing is not None and keeps_states else 1,
    )
    sequences_of_states, finals = run(
        cell, inputs, _weights(layer.cell, state_dtype), states, dropout_masks, options
    )
    outputs, last = sequences_of_states[0], finals[0]
    if packing is not None:
        last = masking.last_output(outputs, packing, layer.zero_output_for_mask)
        if keeps_states:
            finals = [
                masking.last_state(sequence, state, packing)
                for sequence, state in zip(sequences_of_states, states, strict=True)
            ]
        if layer.return_sequences:
            outputs = masking.unpacked(outputs, packing, layer.zero_output_for_mask)
    if not layer.return_sequences:
        outputs = last[:, None]
    dtype = sequences.dtype
    return tf.cast(last, dtype), tf.cast(outputs, dtype), [tf.cast(state, dtype) for state in finals]


def _takes_fast_path(layer: keras.layers.RNN, mask: Any) -> bool:
    cell = layer.cell
    if keras.config.backend() != "tensorflow" or getattr(layer, PLAIN, False):
        return False
    if control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph()):
        # XLA compiles neither the choice among our loops, which is made when the batch is known, nor all of them.
        return False
    use_cudnn = getattr(layer, "use_cudnn", "auto")
    if use_cudnn is True or (use_cudnn == "auto" and tf.config.list_logical_devices("GPU")):
        return False
    return (
        not layer.unroll
        and cell.compute_dtype in ("float32", "bfloat16", "float64")
        and cell.activation is keras.activations.tanh
        and getattr(cell, "recurrent_activation", keras.activations.sigmoid) is keras.activations.sigmoid
        and getattr(cell, "reset_after", True)
        and cell.dropout < 1
        and cell.recurrent_dropout < 1
        and (mask is None or len(mask.shape) == 2)
    )


def _shards(layer: keras.layers.RNN) -> int:
    """Two independent loops, except inside `Bidirectional`, whose two directions are two loops already.

    The number is no entry of the configuration, which stays Keras's own; `Bidirectional` names its layers so.
    """
    return 1 if layer.name.startswith(("forward_", "backward_")) else 2


def _weights(cell: keras.layers.Layer, dtype: tf.DType) -> list[Tensor]:
    kept = getattr(cell, KEPT, None)
    kernels = (
        [cell.kernel, cell.recurrent_kernel] if kept is None else [tf.transpose(weight) for weight in kept]
    )
    kernel, recurrent_kernel = (tf.cast(tf.convert_to_tensor(weight), dtype) for weight in kernels)
    if cell.bias is not None:
        bias = tf.cast(tf.convert_to_tensor(cell.bias), dtype)
    else:
        width = kernel.shape[1]
        bias = tf.zeros([2, width] if isinstance(cell, keras.layers.GRUCell) else [width], dtype)
    return [kernel, recurrent_kernel, bias]


def _with_dropout(cell: keras.layers.Layer, sequences: Tensor, hidden: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Applies Keras's own masks, one per sequence and shared by all steps (Gal and Ghahramani, 2016).

    One mask for all gates of the input is applied to the sequences here. Masks on the hidden state, and the
    separate masks for each gate that Keras draws with them, are returned as factors `[batch, features + 1 +
    units]` for the loop.
    """
    input_masks = _as_list(cell.get_dropout_mask(sequences[:, 0, :]))
    hidden_masks = _as_list(cell.get_recurrent_dropout_mask(tf.cast(hidden, sequences.dtype)))
    if len(input_masks) == 1:
        sequences *= input_masks[0][:, None]
        input_masks = []
    if not input_masks and not hidden_masks:
        return sequences, []
    ones = tf.ones_like(sequences[:, 0, :1])
    count = max(len(input_masks), len(hidden_masks))
    input_masks = input_masks or [tf.ones_like(sequences[:, 0, :])] * count
    hidden_masks = hidden_masks or [tf.ones_like(tf.cast(hidden, sequences.dtype))] * count
    return sequences, [tf.concat([x, ones, h], 1) for x, h in zip(input_masks, hidden_masks, strict=True)]


def _as_list(masks: Tensor | Sequence[Tensor] | None) -> list[Tensor]:
    if masks is None:
        return []
    return list(masks) if isinstance(masks, (list, tuple)) else [masks]
