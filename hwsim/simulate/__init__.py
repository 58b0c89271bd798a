"""The event-driven run of a whole graph."""
