"""Tests of the edge: numbers as people read them."""
