"""Sampling and beam search over a step function, batch first, in graph."""
