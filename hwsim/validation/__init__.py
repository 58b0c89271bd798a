"""Measured data beside predictions: how wrong a profile is, where, and which of its constants the data would change."""
