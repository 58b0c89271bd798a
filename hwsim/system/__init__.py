"""Composition: networks and devices put together with links, chance and redundancy, on top of any rung."""
