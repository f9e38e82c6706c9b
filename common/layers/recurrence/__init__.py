"""The loops behind `common.layers.recurrent`: SimpleRNN, LSTM and GRU over time, in stock TensorFlow
operations.

`cells` holds the equations and their derivatives, `scan` the loop with its hand-written back-propagation
through time, `small_batch` the loops for a few rows, `masking` the packing of masked steps, and `loops` the
choice among them.
"""
