"""Shared Keras layers: recurrence, attention and in-graph front ends."""
