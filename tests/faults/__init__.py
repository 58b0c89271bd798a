"""Killed, full, damaged, shared, interrupted: nothing that was kept is lost, and nothing damaged is believed."""
