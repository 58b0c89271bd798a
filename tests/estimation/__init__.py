"""Tests of the estimation room."""
