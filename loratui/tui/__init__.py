"""The terminal app: drawing, keys and nothing else; services do the work."""
