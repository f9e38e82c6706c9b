"""The loops behind `common.layers.recurrent`: SimpleRNN, LSTM and GRU over time, in stock TensorFlow operations.

`cells` holds the equations and their derivatives, `scan` the loop for many rows and `small_batch` the loops for few,
each with its hand-written back-propagation through time, `masking` the packing of masked steps, and `loops` the choice
among them; `gradient` and `steps` are what the loops are made of.
"""
