"""Records to tables, CSV, JSON and HTML."""
