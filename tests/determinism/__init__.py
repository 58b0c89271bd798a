"""The same answer, to the byte, whatever runs it."""
