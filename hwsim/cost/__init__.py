"""Latency, energy and area from counts."""
