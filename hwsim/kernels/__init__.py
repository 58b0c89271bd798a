"""Numba kernels on plain arrays: arrays in, arrays out."""
