"""Measured data beside predictions."""
