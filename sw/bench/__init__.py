"""Benchmarks: what the accelerator's cycles are worth, by the device's own counters."""
