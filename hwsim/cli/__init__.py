"""Parse arguments, call one function, print, exit 0, 1 or 2."""
