"""The command line: one verb per action over the services."""
