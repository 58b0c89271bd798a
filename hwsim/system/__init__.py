"""Composition: pipelines, ensembles, cascades, cards and links."""
