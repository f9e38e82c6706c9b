"""Sources of examples and their batches."""
