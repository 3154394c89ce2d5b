"""The terminal app: draws what the services say, and owns no logic."""
