"""The contenders' processes."""
