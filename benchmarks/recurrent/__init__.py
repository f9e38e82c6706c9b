"""Recurrent layers against stock Keras, Keras with XLA, PyTorch and ONNX Runtime on a CPU.

Each contender is a process of its own that runs timed blocks on request, so that blocks of all contenders interleave in
one run and share whatever the machine does meanwhile. `make bench-layers` sets everything up and runs it.
"""
