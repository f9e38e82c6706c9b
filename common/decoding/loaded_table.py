"""A table that a SavedModel computes when it is loaded, so that it need not hold it."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


class LoadedTable(tf.saved_model.experimental.TrackableResource):
    """Rows of a table that is computed once, when a SavedModel is loaded, from what the function captures.

    An export needs it among its `resources`, see `common.export.saved_model`.

    Args:
        make: computes the table `[rows, ...]` in the graph, of a shape that is known without running it.
        name: of the table, unique within a process among tables of other contents.

    Example:
        >>> squares = LoadedTable(lambda: tf.range(5) ** 2, "squares")
        >>> squares(tf.constant([[2, 3]])).numpy().tolist()
        [[4, 9]]
    """

    def __init__(self, make: Callable[[], tf.Tensor], name: str) -> None:
        super().__init__(device="CPU")
        self._make = tf.function(make, autograph=False, input_signature=())
        self._name = name
        table = self._make.get_concrete_function().structured_outputs
        self._dtype, self._shape = table.dtype, table.shape
        with tf.init_scope():
            self._initialize()

    def _create_resource(self) -> tf.Tensor:
        return tf.raw_ops.VarHandleOp(dtype=self._dtype, shape=self._shape, shared_name=self._name)

    def _initialize(self) -> None:
        tf.raw_ops.AssignVariableOp(resource=self.resource_handle, value=self._make())

    def __call__(self, rows: tf.Tensor) -> tf.Tensor:
        """The rows of these numbers, `[any shape]` int32 -> `[any shape, ...]`."""
        gathered: Any = tf.raw_ops.ResourceGather(
            resource=self.resource_handle, indices=rows, dtype=self._dtype
        )
        return tf.ensure_shape(gathered, rows.shape.concatenate(self._shape[1:]))
