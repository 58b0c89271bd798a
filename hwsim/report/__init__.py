"""Records to what people and programs read: console tables, CSV, JSON."""
