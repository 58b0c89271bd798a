"""Tests: published."""
