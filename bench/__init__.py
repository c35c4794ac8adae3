"""Benchmarks: each prints one table, measured side by side in one run."""
