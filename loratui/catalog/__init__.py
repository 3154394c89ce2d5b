"""The library: subjects, pictures, runs and what a person said about them, in one SQLite database."""
