"""The translator's training and its greedy and beam search, beside the same network in PyTorch, on a CPU.

Each contender is a process of its own, as in `benchmarks.recurrent`; all read the same weights and the same sentences
from one folder, and must compute the same before time is taken.

python -m benchmarks.translation
"""
