"""Latency and throughput of the local server, beside a plain wrapper of the Python loader."""
